"""Viewing the product as a tenant sees it: begun and ended by POST, both audited. What it does to rights is `tenants.sessions`."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from kvmweb.errors import Conflict
from tenants import audit
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import AuditEntry, Tenant
from tenants.sessions import VIEWS_AS

Session = MutableMapping[str, Any]


@operation("tenant.view_as")
def view_as(actor: Actor, tenant: Tenant, session: Session) -> Tenant:
    if not tenant.is_active:
        raise Conflict(f"Tenant {tenant.name} is disabled: its people see nothing.", hint="Enable it first.")
    session[VIEWS_AS] = str(tenant.pk)
    return tenant


def stop_viewing(actor: Actor, session: Session) -> Tenant | None:
    """The tenant that was looked at. Not behind the gate, which refuses everything meanwhile; twice is nothing."""
    tenant_id = session.pop(VIEWS_AS, None)
    if tenant_id is None:
        return None
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    audit.record(actor, "tenant.stop_view_as", AuditEntry.Outcome.DONE, target=tenant)
    return tenant
