"""What is used of each limit, as pages and REST show it; and requests for more. Reads only.

`templates/quotas/_meters.html` draws the meters of one tenant: `{% include "quotas/_meters.html" with meters=meters %}`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from kvmweb.errors import NotFound
from kvmweb.words import AMOUNTS, amount
from tenants.actor import Actor
from tenants.models import Quota, QuotaChange, QuotaDefault, QuotaRequest, QuotaRequestState, Tenant
from tenants.policy import why_not
from tenants.quota.counting import Excess, effective, request_url, unreadable_is_503, usage_of_all

NEARLY_FULL = 0.85
FULL = 1.0
ALWAYS_SHOWN = ("guests", "vcpus", "memory_mib", "disk_gib")


@dataclass(frozen=True, slots=True)
class Meter:
    """One resource of one tenant. `limit` None: no limit."""

    resource: str
    used: int
    limit: int | None
    follows_default: bool = False

    @property
    def label(self) -> str:
        return AMOUNTS[self.resource][0]

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def percent(self) -> float | None:
        """More than 100 when the limit was lowered below what is used."""
        if self.limit is None:
            return None
        return round(100 * self.used / self.limit, 1) if self.limit else (100.0 if self.used else 0.0)

    @property
    def is_nearly_full(self) -> bool:
        return self.percent is not None and self.percent >= 100 * NEARLY_FULL

    @property
    def is_full(self) -> bool:
        return self.percent is not None and self.percent >= 100 * FULL

    @property
    def words(self) -> str:
        used = amount(self.resource, self.used)
        return used if self.limit is None else f"{used} of {amount(self.resource, self.limit)}"


Meters = list[Meter]


def meters_of(tenant: Tenant) -> Meters:
    return meters_of_all([tenant.pk])[tenant.pk]


def meters_of_all(tenant_ids: Collection[UUID]) -> dict[UUID, Meters]:
    """As many queries for any number of tenants as for one."""
    tenant_ids = list(tenant_ids)
    with unreadable_is_503():
        own = {quota.tenant_id: quota for quota in Quota.objects.filter(tenant_id__in=tenant_ids)}
        default = QuotaDefault.objects.first()
    used = usage_of_all(tenant_ids)
    return {tenant_id: _meters(own.get(tenant_id), default, used.get(tenant_id, {})) for tenant_id in tenant_ids}


def _meters(own: Quota | None, default: QuotaDefault | None, used: Mapping[str, int]) -> Meters:
    limits = effective(own, default)
    follows = Quota.RESOURCES if own is None else own.follows_default
    return [Meter(name, used.get(name, 0), limits[name], name in follows) for name in Quota.RESOURCES]


def shown(meters: Iterable[Meter]) -> Meters:
    """Without resources that are neither limited nor of daily interest."""
    return [meter for meter in meters if meter.limit is not None or meter.resource in ALWAYS_SHOWN]


def nearly_full(actor: Actor) -> list[tuple[Tenant, Meters]]:
    """Active tenants the actor sees, with the resources that are nearly used up; fullest first."""
    tenants = Tenant.objects.filter(is_active=True) if actor.sees_everything else Tenant.objects.filter(pk__in=actor.tenant_ids)
    rows = {tenant.pk: tenant for tenant in tenants}
    return fullest((rows[pk], meters) for pk, meters in meters_of_all(rows).items())


def fullest(found: Iterable[tuple[Tenant, Meters]]) -> list[tuple[Tenant, Meters]]:
    """Those with something nearly used up, with only these meters; fullest first."""
    full = [(tenant, [meter for meter in meters if meter.is_nearly_full]) for tenant, meters in found]
    return sorted(((tenant, meters) for tenant, meters in full if meters), key=lambda pair: -max(meter.percent or 0 for meter in pair[1]))


@dataclass(frozen=True, slots=True)
class Effect:
    """What one resource would come to if `asked` more were used."""

    meter: Meter
    asked: int

    @property
    def after(self) -> int:
        return self.meter.used + self.asked

    @property
    def is_over(self) -> bool:
        return self.asked > 0 and self.meter.limit is not None and self.after > self.meter.limit

    @property
    def over_by(self) -> int:
        return self.after - (self.meter.limit or 0)


@dataclass(frozen=True, slots=True)
class Effects:
    """For `templates/quotas/_effect.html`: shown before a form is sent. `request_url` is where to ask for what does not fit."""

    lines: list[Effect]
    request_url: str = ""
    why_not_ask: str = ""

    @property
    def is_over(self) -> bool:
        return any(line.is_over for line in self.lines)


def effects_of(actor: Actor, tenant: Tenant, **asked: int) -> Effects:
    """Negative amounts give back."""
    lines = [Effect(meter, asked[meter.resource]) for meter in shown(meters_of(tenant)) if meter.resource in asked]
    over: list[Excess] = [{"resource": line.meter.resource, "used": line.meter.used, "asked": line.asked} for line in lines if line.is_over]
    return Effects(lines, request_url(tenant.pk, over), why_not(actor, "quota_request.create", tenant.pk))


# -- requests and changes -----------------------------------------------------------------------------------------------------------------
def quota_request_list(actor: Actor, *, state: str = "") -> QuerySet[QuotaRequest]:
    """Requests of the tenants one belongs to; all of them for system roles."""
    rows = QuotaRequest.objects.select_related("tenant")
    rows = rows if actor.sees_everything else rows.filter(tenant_id__in=actor.tenant_ids)
    return rows.filter(state=state) if state else rows


def quota_request_for(actor: Actor, request_id: UUID | str) -> QuotaRequest:
    """The request, or NotFound."""
    row = quota_request_list(actor).filter(pk=request_id).first()
    if row is None:
        raise NotFound
    return row


def open_request_of(tenant: Tenant) -> QuotaRequest | None:
    return QuotaRequest.objects.filter(tenant=tenant, state=QuotaRequestState.OPEN).first()


def changes_of(tenant: Tenant | None) -> QuerySet[QuotaChange]:
    """Newest first. None: of the defaults. The caller found the tenant with `visible_to`."""
    return QuotaChange.objects.filter(tenant=tenant).order_by("-id")
