"""Asking for larger limits, and what becomes of it. One open request per tenant; an approval sets the limits in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.utils import timezone

from kvmweb.errors import Conflict, InvalidInput
from tenants import gate
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import QuotaRequest, QuotaRequestState, Tenant
from tenants.quota import UNITS, hold, limits_of
from tenants.services.quotas import LARGEST, LONGEST_REASON, set_quota


@operation("quota_request.create")
def create_quota_request(actor: Actor, tenant: Tenant, limits: Mapping[str, int], *, reason: str) -> QuotaRequest:
    """`limits`: the limits wished for, each larger than what holds now."""
    hold(tenant)
    earlier = QuotaRequest.objects.filter(tenant=tenant, state=QuotaRequestState.OPEN).first()
    if earlier is not None:
        raise _one_is_open(tenant, earlier)
    _check(limits, limits_of(tenant.pk), reason)
    made = QuotaRequest(
        tenant=tenant, reason=reason.strip(), requested_by_id=actor.user_id, requested_by_label=actor.label[:200], **dict(limits)
    )
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        raise _one_is_open(tenant, None) from error
    gate.note(made.reason, limits=made.wanted, request=str(made.pk))
    return made


@operation("quota_request.cancel")
def cancel_quota_request(actor: Actor, request: QuotaRequest) -> QuotaRequest:
    return _close(actor, request, QuotaRequestState.CANCELLED)


@operation("quota_request.approve")
def approve_quota_request(actor: Actor, request: QuotaRequest, *, message: str = "") -> QuotaRequest:
    """Never lowers a limit: one that was raised further meanwhile stays."""
    row = _close(actor, request, QuotaRequestState.APPROVED, message=message)
    hold(row.tenant)
    now = limits_of(row.tenant_id)
    raised = {name: amount for name, amount in row.wanted.items() if (limit := now[name]) is not None and amount > limit}
    set_quota(actor, row.tenant, raised, reason=message.strip() or row.reason, request=row)
    return row


@operation("quota_request.decline")
def decline_quota_request(actor: Actor, request: QuotaRequest, *, message: str) -> QuotaRequest:
    """`message` tells the tenant why."""
    if not message.strip():
        raise InvalidInput(fields={"message": "Say why: the tenant reads it."})
    return _close(actor, request, QuotaRequestState.DECLINED, message=message)


def _close(actor: Actor, request: QuotaRequest, state: QuotaRequestState, *, message: str = "") -> QuotaRequest:
    if len(message) > LONGEST_REASON:
        raise InvalidInput(fields={"message": f"At most {LONGEST_REASON} characters."})
    row = QuotaRequest.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=request.pk)
    if row.state != QuotaRequestState.OPEN:
        raise Conflict(f"This request is {row.get_state_display()} already.", hint="Look at the list again.")
    row.state, row.message = state, message.strip()
    row.decided_at, row.decided_by_label = timezone.now(), actor.label[:200]
    row.save()
    gate.note(row.message, limits=row.wanted)
    return row


def _one_is_open(tenant: Tenant, earlier: QuotaRequest | None) -> Conflict:
    return Conflict(
        f"Tenant {tenant.name} is waiting for an answer to another request already.",
        hint="Wait for it, or withdraw it and ask anew.",
        code="request_open",
        details={"request": str(earlier.pk)} if earlier is not None else None,
    )


def _check(limits: Mapping[str, int], now: Mapping[str, int | None], reason: str) -> None:
    problems = {name: _why_not_wanted(name, amount, now) for name, amount in limits.items()}
    if not limits:
        problems["guests"] = "Ask for at least one larger limit."
    problems["reason"] = "" if 0 < len(reason.strip()) <= LONGEST_REASON else f"Say what it is for, in at most {LONGEST_REASON} characters."
    found = {name: problem for name, problem in problems.items() if problem}
    if found:
        raise InvalidInput(fields=found)


def _why_not_wanted(name: str, amount: int, now: Mapping[str, int | None]) -> str:
    if name not in UNITS:
        return "A quota does not count this."
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= LARGEST:
        return f"A whole number up to {LARGEST}."
    limit = now[name]
    if limit is None:
        return "There is no limit to raise."
    return "" if amount > limit else f"You may use {limit} already: ask for more than that."
