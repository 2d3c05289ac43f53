"""What the overview says about quotas: the meters of a tenant's people, and what needs attention."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tenants.actor import Actor
from tenants.policy import may
from tenants.quota.meters import Meter, meters_of_all, nearly_full, quota_request_list, shown
from tenants.selectors import tenant_list

MOST_NAMED = 6


def quotas_of(actor: Actor, only: UUID | None = None) -> list[dict[str, Any]]:
    """{"tenant", "meters"} of each active tenant, by name."""
    rows = tenant_list(actor).filter(is_active=True).order_by("name")
    tenants = list(rows.filter(pk=only) if only else rows)
    meters = meters_of_all([tenant.pk for tenant in tenants])
    return [{"tenant": tenant, "meters": shown(meters[tenant.pk])} for tenant in tenants]


def quota_lines(actor: Actor, only: UUID | None = None) -> list[dict[str, Any]]:
    """Attention: a line for each tenant that nearly used something up, and one for requests that wait for an admin."""
    full = [(tenant, meters) for tenant, meters in nearly_full(actor) if only in (None, tenant.pk)]
    lines = [_full_line(actor, tenant, meters) for tenant, meters in full[:MOST_NAMED]]
    waiting = quota_request_list(actor, state="open").count() if may(actor, "quota_request.approve", None) else 0
    if waiting:
        words = "A request for more quota waits" if waiting == 1 else f"{waiting} requests for more quota wait"
        lines.append(_line("info", f"{words} for an answer", "Approve or decline.", "/quota-requests/?state=open"))
    return lines


def _full_line(actor: Actor, tenant: Any, meters: list[Meter]) -> dict[str, Any]:
    named = ", ".join(f"{meter.label} {meter.words}" for meter in meters)
    words = "used up" if any(meter.is_full for meter in meters) else "nearly used up"
    if may(actor, "tenant.set_quota", tenant.pk):
        return _line("warn", f"{tenant.name}: quota {words}", named, f"/admin/tenants/tenantquota/{tenant.pk}/change/")
    if may(actor, "quota_request.create", tenant.pk) and not actor.sees_everything:
        return _line("warn", f"{tenant.name}: quota {words}", f"{named}. Ask for more.", f"/quota-requests/new/?tenant={tenant.pk}")
    return _line("warn", f"{tenant.name}: quota {words}", named, f"/tenants/{tenant.pk}/")


def _line(tone: str, title: str, text: str, url: str) -> dict[str, Any]:
    return {"icon": "gauge", "tone": tone, "title": title, "text": text, "url": url}
