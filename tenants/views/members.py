"""Dialogs about the people of a tenant: add, another role, remove, leave, invite by link, withdraw an invitation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from kvmweb.requests import PageRequest, dialog, link_to, posted, to
from tenants import selectors
from tenants.forms import ConfirmForm, InviteForm, MemberForm, RoleForm
from tenants.gate import check_first
from tenants.models import Tenant
from tenants.services.invitations import invite, revoke_invitation
from tenants.services.members import add_member, change_member, leave_tenant, remove_member


def _back(request: PageRequest, tenant: Tenant) -> HttpResponse:
    return to(request, f"/tenants/{tenant.pk}/?tab=members")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: PageRequest, tenant_id: UUID) -> HttpResponse:
    tenant = selectors.tenant_for(request.actor, tenant_id)
    check_first(request.actor, "tenant.add_member", tenant)
    form = MemberForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            add_member(request.actor, tenant, **form.cleaned_data)
            return _back(request, tenant)
    return dialog(
        request, "tenants/_add_member.html", {"tenant": tenant, "form": form, "page_title": "Add a member"}, refused=form.is_bound
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_role(request: PageRequest, tenant_id: UUID, user_id: UUID) -> HttpResponse:
    tenant = selectors.tenant_for(request.actor, tenant_id)
    check_first(request.actor, "tenant.change_member", tenant)
    membership = selectors.membership_for(tenant, user_id)
    form = RoleForm(posted(request), initial={"role": membership.role})
    if form.is_valid():
        with form.showing_refusals():
            change_member(request.actor, tenant, membership.user, role=form.cleaned_data["role"])
            return _back(request, tenant)
    context = {"tenant": tenant, "membership": membership, "form": form, "page_title": "Change a role"}
    return dialog(request, "tenants/_role.html", context, refused=form.is_bound)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: PageRequest, tenant_id: UUID, user_id: UUID) -> HttpResponse:
    tenant = selectors.tenant_for(request.actor, tenant_id)
    check_first(request.actor, "tenant.remove_member", tenant)
    membership = selectors.membership_for(tenant, user_id)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            remove_member(request.actor, tenant, membership.user)
            return _back(request, tenant)
    context = {"tenant": tenant, "membership": membership, "form": form, "page_title": "Remove a member"}
    return dialog(request, "tenants/_remove_member.html", context, refused=form.is_bound)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: PageRequest, tenant_id: UUID) -> HttpResponse:
    tenant = selectors.tenant_for(request.actor, tenant_id)
    check_first(request.actor, "tenant.leave", tenant)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            leave_tenant(request.actor, tenant)
            messages.info(request, f"You have left {tenant.name}.")
            return to(request, "/")
    return dialog(request, "tenants/_leave.html", {"tenant": tenant, "form": form, "page_title": "Leave a tenant"}, refused=form.is_bound)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add_invitation(request: PageRequest, tenant_id: UUID) -> HttpResponse:
    """The answer to the POST is the only page that shows the link."""
    tenant = selectors.tenant_for(request.actor, tenant_id)
    check_first(request.actor, "tenant.invite", tenant)
    form = InviteForm(posted(request))
    context: dict[str, Any] = {"tenant": tenant, "form": form, "page_title": "Invite by link"}
    if form.is_valid():
        with form.showing_refusals():
            created = invite(request.actor, tenant, **form.arguments())
            context |= {"invitation": created.invitation, "url": link_to(request, created.path)}
            response = dialog(request, "tenants/_invited.html", context)
            response["Cache-Control"] = "no-store"
            return response
    return dialog(request, "tenants/_invite.html", context, refused=form.is_bound)


@login_required
@require_POST
def withdraw_invitation(request: PageRequest, tenant_id: UUID, invitation_id: UUID) -> HttpResponse:
    tenant = selectors.tenant_for(request.actor, tenant_id)
    revoke_invitation(request.actor, selectors.invitation_for(tenant, invitation_id))
    return _back(request, tenant)
