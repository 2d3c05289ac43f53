"""Making, changing and deleting tenants."""

from __future__ import annotations

from collections.abc import Mapping

from kvmweb.errors import Conflict
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import Tenant


@operation("tenant.create")
def create_tenant(actor: Actor, target: None, *, name: str, description: str = "") -> Tenant:
    _refuse_taken_name(name)
    return Tenant.objects.create(name=name, description=description)


@operation("tenant.change")
def change_tenant(actor: Actor, tenant: Tenant, changes: Mapping[str, object]) -> Tenant:
    """`changes`: of name, description, is_active."""
    if changes.get("name", tenant.name) != tenant.name:
        _refuse_taken_name(str(changes["name"]))
    for field, value in changes.items():
        setattr(tenant, field, value)
    tenant.save(update_fields=list(changes))
    return tenant


def _refuse_taken_name(name: str) -> None:
    if Tenant.objects.filter(name=name).exists():
        raise Conflict(f'There is already a tenant "{name}".', hint="Choose another name.", code="name_taken")
