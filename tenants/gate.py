"""The one door for changes: permission, then the service, then the audit record, in one transaction, for pages and REST alike.

    @operation("guest.start")
    def start_guest(actor: Actor, guest: Guest) -> Job: ...

The second argument is the target: a row with `tenant_id`, a Tenant, or None for an operation without a tenant. The service receives
a target its caller found with `visible_to(actor)`; the gate checks again that the actor may see it. Refusals are audited too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, models, transaction

from kvmweb.errors import KvmwebError, NotAllowed, NotFound
from tenants import audit
from tenants.actor import Actor
from tenants.audit import diff
from tenants.models import AuditEntry, Tenant
from tenants.policy import LEAST_ROLE, why_not

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=models.Model | None)

OPERATIONS: dict[str, Callable[..., Any]] = {}
"""Every operation behind the gate, for the generated reference and the tests that walk them all."""

_notes: ContextVar[dict[str, Any] | None] = ContextVar("notes of the operation under way", default=None)


def note(message: str = "", *, about: models.Model | None = None, **details: Any) -> None:
    """Inside a gated service: what its audit record says beyond operation and target. Changes go in as `changes={"role": [old, new]}`.

    `about`: the row it is about, where that is neither the target nor what the service returns.
    """
    notes = _notes.get()
    if notes is not None:
        if about is not None:
            notes["about"] = audit.target_of(about)
        notes["message"] = message or notes.get("message", "")
        notes.setdefault("details", {}).update(details)


def operation(name: str) -> Callable[[Callable[Concatenate[Actor, T, P], R]], Callable[Concatenate[Actor, T, P], R]]:
    if name not in LEAST_ROLE:
        raise RuntimeError(f"{name} has no row in tenants.policy.LEAST_ROLE.")

    def decorate(service: Callable[Concatenate[Actor, T, P], R]) -> Callable[Concatenate[Actor, T, P], R]:
        @wraps(service)
        def gated(actor: Actor, target: T, /, *args: P.args, **kwargs: P.kwargs) -> R:
            notes: dict[str, Any] = {}
            # Of this operation alone: a service may call another, which keeps notes of its own.
            before = _notes.set(notes)
            loaded = diff.values_of(target)
            try:
                check(actor, name, target)
                with transaction.atomic(), _gone_is_not_found(target):
                    result = service(actor, target, *args, **kwargs)
                    _record_done(actor, name, target, result, loaded, notes)
                return result
            except KvmwebError as error:
                # After the rollback, so that the record of the refusal stays. A stranger's does not name what he may not see.
                about = audit.unnamed(target) if isinstance(error, NotFound) else target
                _record_no(actor, name, AuditEntry.Outcome.REFUSED, about, error.message)
                raise
            except Exception as error:
                _record_no(actor, name, AuditEntry.Outcome.FAILED, target, f"A bug or a fault: {type(error).__name__}.")
                raise
            finally:
                _notes.reset(before)

        OPERATIONS[name] = gated
        return gated

    return decorate


@contextmanager
def _gone_is_not_found(target: models.Model | None) -> Iterator[None]:
    """The target may have been removed between the caller's look and the service's lock."""
    try:
        yield
    except ObjectDoesNotExist as error:
        of_target: Any = type(target)
        if target is not None and isinstance(error, of_target.DoesNotExist):
            raise NotFound from error
        raise


def _record_done(actor: Actor, name: str, target: models.Model | None, result: Any, loaded: diff.Values, notes: dict[str, Any]) -> None:
    """With what changed: of the target as the service left it, or as it returned it; what the service noted itself is kept."""
    row = result if isinstance(result, models.Model) else None
    made = notes.get("about") or (row if target is None else target)
    job_id = audit.job_of(result)
    same = row if row is not None and type(row) is type(target) and row.pk == getattr(target, "pk", None) else target
    details = {**notes.get("details", {})}
    if changes := {**diff.between(loaded, same), **diff.redacted(details.get("changes") or {})}:
        details["changes"] = changes
    audit.record(actor, name, AuditEntry.Outcome.DONE, target=made, message=notes.get("message", ""), details=details, job_id=job_id)


def _record_no(actor: Actor, name: str, outcome: str, target: Any, message: str) -> None:
    try:
        audit.record(actor, name, outcome, target=target, message=message)
    except DatabaseError:
        # The database is what failed: the caller hears of that, not of its record.
        logger.exception("%s by %s was %s and could not be recorded", name, actor.label, outcome)


def check(actor: Actor, name: str, target: models.Model | None) -> None:
    """Raise NotFound or NotAllowed. A stranger must not learn that the target exists."""
    tenant_id = tenant_of(target)
    if target is not None and not actor.sees_everything and tenant_id is not None and tenant_id not in actor.tenant_ids:
        raise NotFound
    reason = why_not(actor, name, tenant_id)
    if reason:
        raise NotAllowed(reason)


def check_first(actor: Actor, name: str, target: models.Model | None) -> None:
    """As `check`, with the refusal recorded: for a form's view, where 403 comes before "this field is missing"."""
    try:
        check(actor, name, target)
    except KvmwebError as error:
        _record_no(actor, name, AuditEntry.Outcome.REFUSED, audit.unnamed(target) if isinstance(error, NotFound) else target, error.message)
        raise


def tenant_of(target: models.Model | None) -> UUID | None:
    if isinstance(target, Tenant):
        return target.pk
    return getattr(target, "tenant_id", None)
