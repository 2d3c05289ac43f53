"""Quota: lock the tenant's row, sum what its rows use, compare. Apps above register how their rows are summed.

A guest's row is written in the same transaction as the check and before any work starts, so the row itself is the reservation; it goes
away with the undo of a failed create.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from kvmweb.errors import QuotaExceeded
from tenants.models import Quota, Tenant

UsageProvider = Callable[[UUID], dict[str, int]]
_providers: list[UsageProvider] = []

UNITS = {
    "guests": "guests",
    "vcpus": "vCPUs",
    "memory_mib": "MiB of memory",
    "disk_gib": "GiB of disk",
    "snapshots": "snapshots",
    "image_gib": "GiB of images",
    "running_jobs": "running jobs",
}


def register_usage(provider: UsageProvider) -> None:
    """`provider(tenant_id)` returns resource -> amount for the rows it knows."""
    _providers.append(provider)


def usage_of(tenant_id: UUID) -> dict[str, int]:
    total = dict.fromkeys(Quota.RESOURCES, 0)
    for provider in _providers:
        for resource, amount in provider(tenant_id).items():
            total[resource] += amount
    return total


def limits_of(tenant_id: UUID) -> dict[str, int | None]:
    quota = Quota.objects.filter(tenant_id=tenant_id).first()
    return {resource: getattr(quota, resource, None) for resource in Quota.RESOURCES}


def reserve(tenant: Tenant, **asked: int) -> None:
    """Raise QuotaExceeded when `asked` would not fit. Call inside the transaction that writes the rows, before writing them."""
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    limits = limits_of(tenant.pk)
    if all(limits[resource] is None for resource in asked):
        return
    used = usage_of(tenant.pk)
    for resource, amount in asked.items():
        limit = limits[resource]
        if limit is not None and amount > 0 and used[resource] + amount > limit:
            unit = UNITS[resource]
            raise QuotaExceeded(
                f"Tenant {tenant.name} uses {used[resource]} of {limit} {unit}; this needs {amount} more.",
                hint="Delete something you no longer need, ask for less, or ask an admin for a larger quota.",
                details={"resource": resource, "limit": limit, "used": used[resource], "asked": amount},
            )
