"""Reading the trail: what one may see of it, its filters, and an entry as JSON. Paging and pages are their own business.

System roles see everything. In a tenant everybody sees what happened there, an owner with addresses and diffs; the others see those of what
they did themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from kvmweb.errors import NotFound
from tenants.actor import Actor
from tenants.models import AuditEntry, TenantRole

EXPORT_BATCH = 1000
NOT_FOR_TENANTS = frozenset({"host", "host_id", "target_host", "pool", "pool_id", "operator_text", "path", "node"})
"""Details that name the provider's machines."""

SEARCHED = ("operation", "actor_label", "target_name", "message", "address", "request_id")

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Empty means any. `actor`: a user's id or the name shown; `operation`: exact, or a noun such as guest. for all of its verbs."""

    search: str = ""
    actor: str = ""
    operation: str = ""
    outcome: str = ""
    tenant: str = ""
    target: str = ""
    job: str = ""
    request: str = ""
    since: datetime | None = None
    until: datetime | None = None


def entries(actor: Actor, wanted: AuditFilter | None = None) -> QuerySet[AuditEntry]:
    """Newest first."""
    rows = _visible(actor)
    return (_filtered(rows, wanted, sees_everything=actor.sees_everything) if wanted else rows).order_by("-at", "-id")


def entry_for(actor: Actor, entry_id: int) -> AuditEntry:
    row = _visible(actor).filter(pk=entry_id).select_related("link").first() if entry_id < 2**63 else None
    if row is None:
        raise NotFound
    return row


def about(actor: Actor, target: Model) -> QuerySet[AuditEntry]:
    """Entries about one row, newest first."""
    return entries(actor).filter(target_id=str(target.pk))


def related_to(actor: Actor, entry: AuditEntry) -> QuerySet[AuditEntry]:
    """Others of the same click: its request, its job and how that ended. Oldest first."""
    same = Q()
    if entry.job_id:
        same |= Q(job_id=entry.job_id)
    if entry.request_id:
        same |= Q(request_id=entry.request_id)
    return _visible(actor).filter(same).exclude(pk=entry.pk).order_by("at", "id") if same else AuditEntry.objects.none()


def _visible(actor: Actor) -> QuerySet[AuditEntry]:
    rows: QuerySet[AuditEntry] = AuditEntry.objects.all()
    if actor.sees_everything:
        return rows
    in_tenants = Q(tenant_id__in=actor.tenant_ids)
    is_narrowed = actor.only_tenant is not None or bool(getattr(actor, "viewing_as", ""))
    return rows.filter(in_tenants if is_narrowed or actor.user_id is None else in_tenants | Q(actor_user_id=actor.user_id))


def _filtered(rows: QuerySet[AuditEntry], wanted: AuditFilter, *, sees_everything: bool) -> QuerySet[AuditEntry]:
    exact = {"outcome": wanted.outcome, "target_id": wanted.target, "request_id": wanted.request}
    rows = rows.filter(**{column: value for column, value in exact.items() if value})
    if wanted.operation:
        rows = (
            rows.filter(operation__startswith=wanted.operation)
            if wanted.operation.endswith(".")
            else rows.filter(operation=wanted.operation)
        )
    for column, value in (("tenant_id", wanted.tenant), ("job_id", wanted.job)):
        if value:
            rows = rows.filter(**{column: row_id}) if (row_id := as_uuid(value)) else rows.none()
    if wanted.actor:
        user_id = as_uuid(wanted.actor)
        rows = rows.filter(actor_user_id=user_id) if user_id else rows.filter(actor_label=wanted.actor)
    if wanted.since:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(at__lt=wanted.until)
    for word in wanted.search.split()[:5]:
        rows = rows.filter(_has(word, sees_everything=sees_everything))
    return rows


def _has(word: str, *, sees_everything: bool) -> Q:
    """Ids are looked up in their indexes; other words are searched in what this person may read."""
    if row_id := as_uuid(word):
        return Q(target_id=str(row_id)) | Q(request_id=word) | Q(job_id=row_id) | Q(actor_user_id=row_id)
    found = Q()
    for column in SEARCHED if sees_everything else SEARCHED[:-2]:
        found |= Q(**{f"{column}__icontains": word})
    return found


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def in_batches(rows: QuerySet[AuditEntry]) -> Iterator[AuditEntry]:
    """All of them, however many: by keyset, so that neither memory nor a cursor of the database is held while the reader is slow."""
    place = Q()
    while batch := list(rows.filter(place).select_related("link")[:EXPORT_BATCH]):
        yield from batch
        last = batch[-1]
        place = Q(at__lte=last.at) & (Q(at__lt=last.at) | Q(pk__lt=last.pk))


def is_open_to(actor: Actor, entry: AuditEntry) -> bool:
    """May `actor` see the addresses and details of this entry."""
    if actor.sees_everything or (actor.user_id is not None and entry.actor_user_id == actor.user_id):
        return True
    return entry.tenant_id is not None and actor.roles.get(entry.tenant_id) == TenantRole.OWNER


def audit_payload(actor: Actor, entry: AuditEntry) -> Payload:
    is_open = is_open_to(actor, entry)
    # What one did in a tenant one has left: by then its guests may have other names.
    is_elsewhere = not actor.sees_everything and entry.tenant_id is not None and entry.tenant_id not in actor.tenant_ids
    return {
        "id": entry.pk,
        "at": entry.at,
        "operation": entry.operation,
        "outcome": entry.outcome,
        "actor": {"id": entry.actor_user_id, "label": entry.actor_label},
        "tenant_id": entry.tenant_id,
        "target": {"type": entry.target_type, "id": entry.target_id, "name": "" if is_elsewhere else entry.target_name},
        "message": "" if is_elsewhere else entry.message,
        "address": entry.address if is_open else "",
        "request_id": entry.request_id if is_open else "",
        "job_id": entry.job_id,
        "details": details_for(actor, entry.details) if is_open and not is_elsewhere else {},
    }


def details_for(actor: Actor, details: Any) -> Any:
    """Without what names hosts, for those who may not see hosts."""
    if actor.sees_everything:
        return details
    if isinstance(details, dict):
        return {name: details_for(actor, value) for name, value in details.items() if name not in NOT_FOR_TENANTS}
    return details
