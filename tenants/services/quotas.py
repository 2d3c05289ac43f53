"""Setting a tenant's limits. Counting against them is `tenants.quota`."""

from __future__ import annotations

from collections.abc import Mapping

from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import Quota, Tenant


@operation("tenant.set_quota")
def set_quota(actor: Actor, tenant: Tenant, limits: Mapping[str, int | None]) -> Quota:
    """Limits that are not named stay as they are. A limit below what is used stops new use and takes nothing away."""
    quota, _ = Quota.objects.update_or_create(tenant=tenant, defaults=dict(limits))
    return quota
