"""Saving people in Django admin goes through the services: the same rules and the same audit trail as everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from kvmweb.admin_site import AuditedAdmin
from kvmweb.errors import KvmwebError
from tenants import audit
from tenants.actor import TENANT_RANK, Actor
from tenants.models import Membership, Tenant, User
from tenants.services.members import add_member, change_member, remove_member
from tenants.services.tenants import change_tenant, create_tenant, delete_tenant
from tenants.services.users import FIELDS, change_user, create_user, delete_user


def actor_of(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


class ThroughServices(AuditedAdmin):
    """What a service refuses is shown as a message; of that save nothing is kept but the record of the refusal."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._showing_refusals(request, lambda: super(ThroughServices, self).changeform_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._showing_refusals(request, lambda: super(ThroughServices, self).delete_view(request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._showing_refusals(request, lambda: super(ThroughServices, self).changelist_view(request, *args, **kwargs))

    def _showing_refusals(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            with audit.surviving_rollback():
                return view()
        except KvmwebError as error:
            self.message_user(request, f"{error.message} {error.hint}", messages.ERROR)
            return redirect(request.get_full_path())

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is Membership:
            save_memberships(actor_of(request), formset)
        else:
            super().save_formset(request, form, formset, change)


def save_memberships(actor: Actor, formset: Any) -> None:
    """Those who rise first, those who go last: so a tenant can be handed from one owner to another in one save."""
    formset.save(commit=False)
    changed = [row for row, _ in formset.changed_objects]
    for row in sorted([*formset.new_objects, *changed], key=lambda row: -TENANT_RANK.get(row.role, 0)):
        save_membership(actor, row)
    for row in formset.deleted_objects:
        remove_member(actor, row.tenant, row.user)


def save_membership(actor: Actor, row: Membership) -> None:
    before = Membership.objects.filter(pk=row.pk).select_related("tenant", "user").first()
    if before is not None and (before.user_id, before.tenant_id) != (row.user_id, row.tenant_id):
        remove_member(actor, before.tenant, before.user)
        before = None
    if before is None:
        kept = add_member(actor, row.tenant, username=row.user.username, role=row.role)
    else:
        kept = change_member(actor, row.tenant, row.user, role=row.role)
    row.pk = kept.pk


class UserSaving(ThroughServices):
    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            create_user(actor_of(request), None, obj)
            return
        wanted = {name: form.cleaned_data[name] for name in form.changed_data if name in FIELDS}
        saved = change_user(actor_of(request), User.objects.get(pk=obj.pk), wanted)
        copy_columns(saved, obj)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_user(actor_of(request), obj)


class TenantSaving(ThroughServices):
    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        actor, given = actor_of(request), form.cleaned_data
        row = Tenant.objects.get(pk=obj.pk) if change else create_tenant(actor, None, name=given["name"], description=given["description"])
        wanted = {name: given[name] for name in form.changed_data if getattr(row, name, given.get(name)) != given.get(name)}
        copy_columns(change_tenant(actor, row, wanted) if wanted else row, obj)

    def delete_model(self, request: HttpRequest, obj: Tenant) -> None:
        delete_tenant(actor_of(request), obj)


class MembershipSaving(ThroughServices):
    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        save_membership(actor_of(request), obj)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        remove_member(actor_of(request), obj.tenant, obj.user)


def copy_columns(saved: models.Model, row: models.Model) -> None:
    """Admin goes on with the row of its form: it becomes the one the service saved."""
    for field in saved._meta.concrete_fields:
        setattr(row, field.attname, getattr(saved, field.attname))
    row._state.adding = False
