"""Holding tenants to their limits: lock the tenant's row, sum what its rows use, compare. Apps above register how their rows are summed.

A row is written in the same transaction as the check and before any work starts, so the row itself is the reservation; it goes away with
the undo of a failed job (docs/decisions/0003 and 0009). Changing limits is `tenants.services.quotas`' business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import JSONField, Value

from kvmweb.errors import NotFound, QuotaExceeded, Unavailable
from tenants.models import Quota, QuotaDefault, Tenant

Amounts = Mapping[str, int]
Limits = dict[str, int | None]
Excess = dict[str, int | str]
"""{"resource", "limit", "used", "asked"}"""
UsageProvider = Callable[[Collection[UUID] | None], Mapping[UUID, Amounts]]

UNITS = {
    "guests": "guests",
    "vcpus": "vCPUs",
    "memory_mib": "MiB of memory",
    "disk_gib": "GiB of disk",
    "snapshots": "snapshots",
    "image_gib": "GiB of images",
    "running_jobs": "running jobs",
}


@dataclass(frozen=True, slots=True)
class _Provider:
    count: UsageProvider
    resources: frozenset[str]


_providers: list[_Provider] = []


def register_usage(count: UsageProvider, *resources: str) -> None:
    """`count(tenant_ids)` sums the rows it knows, in one query: tenant id -> resource -> amount. None: of all tenants.

    `resources`: what it counts; it is not asked when nobody needs those. A tenant without rows may be left out.
    """
    unknown = set(resources) - set(Quota.RESOURCES)
    if unknown or not resources:
        raise RuntimeError(f"A quota does not count {unknown or 'nothing'}.")
    _providers.append(_Provider(count, frozenset(resources)))


# -- usage ------------------------------------------------------------------------------------------------------------------------------
def usage_of(tenant_id: UUID, resources: Collection[str] = Quota.RESOURCES) -> dict[str, int]:
    """One aggregate query per provider that counts one of `resources`."""
    return _sums([tenant_id], resources).get(tenant_id) or dict.fromkeys(Quota.RESOURCES, 0)


def usage_of_all(tenant_ids: Collection[UUID] | None = None) -> dict[UUID, dict[str, int]]:
    """As many queries as for one tenant. Tenants without any rows are missing."""
    return _sums(tenant_ids, Quota.RESOURCES)


def _sums(tenant_ids: Collection[UUID] | None, resources: Collection[str]) -> dict[UUID, dict[str, int]]:
    totals: dict[UUID, dict[str, int]] = {}
    with unreadable_is_503():
        for provider in _providers:
            if provider.resources.isdisjoint(resources):
                continue
            for tenant_id, amounts in provider.count(tenant_ids).items():
                total = totals.setdefault(tenant_id, dict.fromkeys(Quota.RESOURCES, 0))
                for resource, amount in amounts.items():
                    total[resource] += amount
    return totals


# -- limits -----------------------------------------------------------------------------------------------------------------------------
def limits_of(tenant_id: UUID) -> Limits:
    """What holds for the tenant: its own limits, and the installation's defaults where it follows them. None is no limit."""
    with unreadable_is_503():
        own = Quota.objects.filter(tenant_id=tenant_id).first()
        follows = own is None or bool(own.follows_default)
        return effective(own, QuotaDefault.objects.first() if follows else None)


def limit_of(tenant_id: UUID, resource: str) -> int | None:
    """One limit in one query: every click that makes a job asks for it."""
    own = Quota.objects.filter(tenant_id=tenant_id).values_list(Value(0), resource, "follows_default")
    default = QuotaDefault.objects.values_list(Value(1), resource, Value([], output_field=JSONField()))
    with unreadable_is_503():
        found = {is_default: (limit, follows) for is_default, limit, follows in own.union(default, all=True)}
    limit, follows = found.get(0, (None, [resource]))
    return found.get(1, (None, []))[0] if resource in follows else limit


def limits_of_all(tenant_ids: Iterable[UUID]) -> dict[UUID, Limits]:
    """Two queries, for any number of tenants."""
    tenant_ids = list(tenant_ids)
    with unreadable_is_503():
        own = {quota.tenant_id: quota for quota in Quota.objects.filter(tenant_id__in=tenant_ids)}
        default = QuotaDefault.objects.first()
    return {tenant_id: effective(own.get(tenant_id), default) for tenant_id in tenant_ids}


def effective(own: Quota | None, default: QuotaDefault | None) -> Limits:
    """A tenant without limits of its own follows every default; no defaults were ever set: no limit."""
    follows = Quota.RESOURCES if own is None else own.follows_default
    return {name: getattr(default, name, None) if name in follows else getattr(own, name) for name in Quota.RESOURCES}


# -- reserving --------------------------------------------------------------------------------------------------------------------------
def reserve(tenant: Tenant, **asked: int) -> None:
    """Raise QuotaExceeded when `asked` would not fit; all that does not fit is named.

    Call it inside the transaction that writes the rows, before writing them: the tenant is locked until that transaction ends. Who locks
    a guest, a volume or another row of the tenant's as well locks that one first, except images, which come after.
    """
    hold(tenant)
    limits = limits_of(tenant.pk)
    limited = {name: (amount, limit) for name, amount in asked.items() if amount > 0 and (limit := limits[name]) is not None}
    if not limited:
        return
    used = usage_of(tenant.pk, limited)
    exceeded: list[Excess] = [
        {"resource": name, "limit": limit, "used": used[name], "asked": amount}
        for name, (amount, limit) in limited.items()
        if used[name] + amount > limit
    ]
    if exceeded:
        raise quota_exceeded(tenant, exceeded)


def hold(tenant: Tenant) -> None:
    """Lock the tenant's row until the transaction ends: whoever else reserves for it waits.

    NO KEY UPDATE on PostgreSQL: a full row lock would also wait for every transaction that merely wrote a row of this tenant, and two of
    those that then reserve would wait for each other. On SQLite the transaction holds the one write lock since its BEGIN IMMEDIATE.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A quota is reserved inside the transaction that writes the rows.")
    with unreadable_is_503():
        if Tenant.objects.select_for_update(no_key=True).filter(pk=tenant.pk).values_list("pk", flat=True).first() is None:
            raise NotFound


def quota_exceeded(tenant: Tenant, exceeded: list[Excess]) -> QuotaExceeded:
    """The first of `exceeded` also stands in the details by itself."""
    parts = [f"{line['used']} of {line['limit']} {UNITS[str(line['resource'])]}; this needs {line['asked']} more." for line in exceeded]
    return QuotaExceeded(
        f"Tenant {tenant.name} uses " + " It uses ".join(parts),
        hint="Ask for less, delete what is no longer needed, or have an owner ask for more at /quota-requests/new/.",
        details={**exceeded[0], "exceeded": exceeded, "request_url": request_url(tenant.pk, exceeded)},
    )


def request_url(tenant_id: UUID, exceeded: list[Excess]) -> str:
    """The page that asks for as much as would have been needed."""
    wanted = {str(line["resource"]): int(line["used"]) + int(line["asked"]) for line in exceeded}
    return "/quota-requests/new/?" + urlencode({"tenant": str(tenant_id), **wanted})


@contextmanager
def unreadable_is_503() -> Iterator[None]:
    """A table that cannot be read is no reason to say yes, and no bug of whoever asked."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise Unavailable("Quotas cannot be read just now.", hint="Try again in a minute, or tell an administrator.") from error
