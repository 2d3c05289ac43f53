"""Writing the audit trail. Only the gate, the console, jobs, logins and the admin site call this; reading it is `tenants.selectors`.

`record` adds one entry in the caller's transaction: it commits with the change it is about. A refusal whose transaction is rolled back
afterwards is kept by `surviving_rollback`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models

from tenants.actor import Actor
from tenants.audit import canonical, chain
from tenants.models import AuditEntry

_refusals: ContextVar[list[AuditEntry] | None] = ContextVar("refusals", default=None)


@dataclass(frozen=True, slots=True)
class Target:
    """What an entry is about, where there is no row to name it by."""

    type: str = ""
    id: str = ""
    name: str = ""
    tenant_id: UUID | None = None


def record(
    actor: Actor,
    operation: str,
    outcome: str,
    *,
    target: models.Model | Target | None = None,
    message: str = "",
    details: dict[str, Any] | None = None,
    job_id: UUID | None = None,
) -> AuditEntry:
    """`details`: plain values, never a secret; {"changes": {field: [before, after]}} is shown as a diff."""
    text, about = canonical.clean_text, target_of(target)
    entry = AuditEntry(
        operation=operation,
        outcome=str(outcome),
        actor_label=text(actor.label, 200),
        actor_user_id=actor.user_id,
        tenant_id=about.tenant_id,
        target_type=about.type[:32],
        target_id=text(about.id, 64),
        target_name=text(about.name, 200),
        address=text(actor.address, 64),
        request_id=text(actor.request_id, 64),
        job_id=job_id or (UUID(about.id) if about.type == "job" else None),
        message=text(message, 4096),
        details=canonical.clean_details({**(details or {}), **({"token": actor.token} if actor.token else {})}),
    )
    chain.append(entry)
    kept = _refusals.get()
    if kept is not None and entry.outcome != AuditEntry.Outcome.DONE:
        kept.append(entry)
    return entry


def target_of(target: models.Model | Target | None) -> Target:
    if target is None:
        return Target()
    if isinstance(target, Target):
        return target
    is_tenant = target._meta.label == "tenants.Tenant"
    # A token's key is the digest of its secret.
    row_id = str(getattr(target, "public_id", target.pk))
    tenant_id = target.pk if is_tenant else getattr(target, "tenant_id", None)
    return Target(target._meta.model_name or "", row_id, str(getattr(target, "name", target)), tenant_id)


def unnamed(target: models.Model | None) -> Target:
    """For the refusal of somebody who may not see `target`: for system roles to look up, without its name or tenant."""
    about = target_of(target)
    return Target(about.type, about.id)


def job_of(result: Any) -> UUID | None:
    """The job a change became: what a service returned is one, or has one."""
    for row in (result, getattr(result, "job", None)):
        if isinstance(row, models.Model) and row._meta.label == "jobs.Job":
            return UUID(str(row.pk))
    return None


@contextmanager
def surviving_rollback(*, is_wanted: bool = True) -> Iterator[None]:
    """Around a transaction that may be rolled back after a refusal was recorded in it: such a record is written again."""
    token = _refusals.set([] if is_wanted else None)
    try:
        yield
    finally:
        kept = _refusals.get() or []
        _refusals.reset(token)
        there = set(AuditEntry.objects.filter(pk__in=[entry.pk for entry in kept]).values_list("digest", flat=True)) if kept else set()
        for entry in kept:
            if entry.digest not in there:
                entry.pk = None
                chain.append(entry)
