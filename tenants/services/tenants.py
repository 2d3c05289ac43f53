"""Making, changing and deleting tenants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from django.db import models

from kvmweb.errors import Conflict, InvalidInput
from kvmweb.rest.fields import NAME_PATTERN, NAME_RULE
from tenants.actor import Actor
from tenants.gate import note, operation
from tenants.models import Tenant
from tenants.quota import usage_of
from tenants.services.members import lock

NAMED = 5
"""So many rows of a kind are named when they keep a tenant from being deleted."""


@operation("tenant.create")
def create_tenant(actor: Actor, target: None, *, name: str, description: str = "") -> Tenant:
    _refuse_bad_name(name)
    _refuse_taken_name(name)
    return Tenant.objects.create(name=name, description=description)


@operation("tenant.change")
def change_tenant(actor: Actor, tenant: Tenant, changes: Mapping[str, object]) -> Tenant:
    """`changes`: of name, description, is_active. A disabled tenant's people lose sight of it at once; its guests run on."""
    changes = {field: value for field, value in changes.items() if getattr(tenant, field) != value}
    if "name" in changes:
        _refuse_bad_name(str(changes["name"]))
        _refuse_taken_name(str(changes["name"]))
    note(changes={field: [getattr(tenant, field), value] for field, value in changes.items()})
    for field, value in changes.items():
        setattr(tenant, field, value)
    tenant.save(update_fields=list(changes))
    return tenant


def _refuse_bad_name(name: str) -> None:
    if not re.match(NAME_PATTERN, name):
        raise InvalidInput(fields={"name": NAME_RULE})


def _refuse_taken_name(name: str) -> None:
    if Tenant.objects.filter(name=name).exists():
        raise Conflict(f'There is already a tenant "{name}".', hint="Choose another name.", code="name_taken")


@operation("tenant.delete")
def delete_tenant(actor: Actor, tenant: Tenant) -> None:
    """With its memberships, invitations, quota and tokens. Refused while it owns anything else, which is then named."""
    lock(tenant)
    kept = list(what_keeps(tenant))
    if kept:
        raise Conflict(
            f"Tenant {tenant.name} cannot be deleted: it has {'; '.join(kept)}.",
            hint="Delete these or give them to another tenant first. To lock its people out at once, disable it.",
            code="tenant_in_use",
        )
    Tenant.objects.filter(pk=tenant.pk).delete()


def what_keeps(tenant: Tenant) -> Iterator[str]:
    """ "3 guests (web-1, web-2, db)": rows of any app that must not lose their tenant, and jobs under way."""
    for relation in Tenant._meta.related_objects:
        if getattr(relation, "on_delete", None) is not models.PROTECT:
            continue
        model = relation.related_model
        rows = model._base_manager.filter(**{relation.field.name: tenant}).order_by("pk")
        count = rows.count()
        if count:
            names = ", ".join(str(row) for row in rows[:NAMED]) + (", …" if count > NAMED else "")
            words = model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural
            yield f"{count} {words} ({names})"
    running = usage_of(tenant.pk)["running_jobs"]
    if running:
        yield "a job that is running" if running == 1 else f"{running} jobs that are running"
