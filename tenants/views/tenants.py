"""The list of tenants, one tenant's page with its tabs, and the dialogs that make, change and delete one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.paging import Page, page_of
from kvmweb.requests import PageRequest, dialog, is_fragment, posted, to
from tenants import selectors
from tenants.forms import ConfirmForm, TenantForm
from tenants.gate import check_first
from tenants.models import Tenant
from tenants.payload import invitation_payload
from tenants.policy import why_not
from tenants.quota.meters import meters_of
from tenants.services.tenants import change_tenant, create_tenant, delete_tenant

TABS = (("overview", "Overview"), ("members", "Members"), ("settings", "Settings"))
INVITATIONS = 50


@login_required
@require_safe
def tenant_list(request: PageRequest) -> HttpResponse:
    search = request.GET.get("search", "").strip()[:100]
    rows = selectors.tenant_list(request.actor, search=search).annotate(people=Count("memberships")).order_by("name", "id")
    page: Page[Any] = page_of(rows, request.GET.get("page", ""))
    tenants = [{"row": row, "role": request.actor.roles.get(row.pk, "")} for row in page.rows]
    context = {"tenants": tenants, "page": page, "search": search, "why_not_create": why_not(request.actor, "tenant.create", None)}
    return render(request, "tenants/_list.html" if is_fragment(request) else "tenants/list.html", context)


@login_required
@require_safe
def tenant(request: PageRequest, tenant_id: UUID) -> HttpResponse:
    row = selectors.tenant_for(request.actor, tenant_id)
    tab = request.GET.get("tab", "")
    tab = tab if tab in CONTEXT_OF else "overview"
    context: dict[str, Any] = {
        "tenant": row,
        "role": request.actor.roles.get(row.pk, ""),
        "tabs": TABS,
        "tab": tab,
        "panel": f"tenants/_{tab}.html",
        "why_not_view_as": why_not(request.actor, "tenant.view_as", None),
        **CONTEXT_OF[tab](request, row),
    }
    return render(request, "tenants/_tenant.html" if is_fragment(request) else "tenants/tenant.html", context)


def _overview(request: PageRequest, row: Tenant) -> dict[str, Any]:
    return {"meters": meters_of(row), "why_not_ask": why_not(request.actor, "quota_request.create", row.pk)}


def _members(request: PageRequest, row: Tenant) -> dict[str, Any]:
    operations = ("add_member", "change_member", "remove_member", "leave", "invite", "revoke_invitation")
    return {
        "members": selectors.members_of(row).order_by("user__username"),
        "invitations": [invitation_payload(each) for each in selectors.invitations_of(row)[:INVITATIONS]],
        "why_not": {name: why_not(request.actor, f"tenant.{name}", row.pk) for name in operations},
    }


def _settings(request: PageRequest, row: Tenant) -> dict[str, Any]:
    return {"why_not": {name: why_not(request.actor, f"tenant.{name}", row.pk) for name in ("change", "delete")}}


CONTEXT_OF = {"overview": _overview, "members": _members, "settings": _settings}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: PageRequest) -> HttpResponse:
    check_first(request.actor, "tenant.create", None)
    form = TenantForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            return to(request, f"/tenants/{create_tenant(request.actor, None, **form.wanted('name', 'description')).pk}/")
    return dialog(request, "tenants/_add.html", {"form": form, "page_title": "New tenant"}, refused=form.is_bound)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: PageRequest, tenant_id: UUID) -> HttpResponse:
    row = selectors.tenant_for(request.actor, tenant_id)
    check_first(request.actor, "tenant.change", row)
    initial = {"name": row.name, "description": row.description, "is_active": row.is_active}
    form = TenantForm(posted(request), initial=initial)
    if form.is_valid():
        with form.showing_refusals():
            change_tenant(request.actor, row, form.wanted("name", "description", "is_active"))
            return to(request, f"/tenants/{row.pk}/?tab=settings")
    return dialog(request, "tenants/_change.html", {"tenant": row, "form": form, "page_title": "Change tenant"}, refused=form.is_bound)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, tenant_id: UUID) -> HttpResponse:
    row = selectors.tenant_for(request.actor, tenant_id)
    check_first(request.actor, "tenant.delete", row)
    form = ConfirmForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            delete_tenant(request.actor, row)
            messages.info(request, f"Tenant {row.name} is deleted.")
            return to(request, "/tenants/")
    return dialog(request, "tenants/_delete.html", {"tenant": row, "form": form, "page_title": "Delete tenant"}, refused=form.is_bound)
