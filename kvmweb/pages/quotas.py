"""What the overview says about quotas: the meters of a tenant's people, and what needs attention."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.cache import cache

from tenants.actor import Actor
from tenants.policy import may
from tenants.quota.meters import Meter, fullest, meters_of_all, nearly_full, quota_request_list, shown
from tenants.selectors import tenant_list

MOST_NAMED = 6
ALL_FOR_S = 10


Found = list[tuple[Any, list[Meter]]]
"""Tenants with their meters."""


def meters_seen(actor: Actor, only: UUID | None = None) -> Found:
    """Of each active tenant the actor sees, or of `only` one, by name."""
    rows = tenant_list(actor).filter(is_active=True).order_by("name")
    tenants = list(rows.filter(pk=only) if only else rows)
    meters = meters_of_all([tenant.pk for tenant in tenants])
    return [(tenant, meters[tenant.pk]) for tenant in tenants]


def quotas_of(found: Found) -> list[dict[str, Any]]:
    return [{"tenant": tenant, "meters": shown(meters)} for tenant, meters in found]


def quota_lines(actor: Actor, found: Found | None) -> list[dict[str, Any]]:
    """Attention: a line for each tenant that nearly used something up, and one for requests that wait for an admin.

    `found` None: of all tenants; summing up what all of them use is 8 queries, the same for everybody who sees everything, and for seconds.
    """
    full = fullest(found) if found is not None else cache.get_or_set("overview.nearly_full", lambda: nearly_full(actor), ALL_FOR_S) or []
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
