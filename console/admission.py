"""From a ticket to an open console: who is let in, to which guest, and the record of when it began and ended.

Everything here is database work for both front ends; run it through `database.in_thread`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from console import closing, live, rights
from console.closing import Closing, Refused
from console.models import LEASE, ConsoleSession
from console.redeeming import Redeemed, redeem
from console.rights import Grant, LiveLogins
from guests.models import Guest
from hypervisor.specs import HostAddress
from tenants import audit
from tenants.actor import Actor
from tenants.models import AuditEntry

KEPT_FOR = timedelta(days=90)
"""Rows of past consoles. The audit trail keeps their openings and closings for as long as it is kept."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a socket asked for. `session_key` is that of its cookie, empty without one."""

    kind: str
    guest_id: str
    ticket: str
    session_key: str
    address: str


@dataclass(frozen=True, slots=True)
class Admission:
    """A redeemed ticket: the target was looked up after redeeming, so nothing the client sent chose it."""

    grant: Grant
    actor: Actor
    guest: Guest
    kind: str
    mode: str
    host: HostAddress
    domain_uuid: UUID


@dataclass(frozen=True, slots=True)
class Doings:
    """What became of an open console."""

    seconds: float
    to_viewer_bytes: int
    to_guest_bytes: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A ticket that was used up and fits its socket. What its holder may is still to be checked, while the line is being asked for."""

    admission: Admission
    redeemed: Redeemed


def claim(request: Request) -> Claim:
    """Raises Refused. A ticket is used up by its first redeeming, also when that is then refused."""
    found = redeem(request.ticket, address=request.address, session_key=request.session_key)
    if found is None:
        raise Refused(closing.BAD_TICKET)
    login = rights.login_of(found.user, login_hash=found.login_hash, session_key=request.session_key)
    actor = Actor(label=found.user.username, user_id=found.user.pk, address=request.address)
    admission = Admission(
        grant=Grant(session_id=found.session_id, user_id=found.user.pk, mode=found.mode, login=login or rights.Login()),
        actor=actor,
        guest=found.guest,
        kind=found.kind,
        mode=found.mode,
        host=found.host.hypervisor_address,
        domain_uuid=found.guest.uuid,
    )
    if login is None or found.kind != request.kind or str(found.guest.pk) != request.guest_id:
        why = "It is for another guest or kind of console." if login else "It was asked for by another login."
        raise _refused(admission, closing.BAD_TICKET, message=why)
    if found.open_of_user > settings.CONSOLES_PER_USER or found.open_from_address > settings.CONSOLES_PER_ADDRESS:
        raise _refused(admission, closing.TOO_MANY, message=closing.TOO_MANY.reason)
    return Claim(admission, found)


def check(claim: Claim) -> Admission:
    """Raises Refused when the holder's login has ended or the right is lost."""
    admission, found = claim.admission, claim.redeemed
    login = admission.grant.login
    logins = LiveLogins([login], sessions={login.session_key} if found.has_session else set())
    reason = logins.why_not(login, user=found.user, guest=found.guest, mode=found.mode)
    if reason:
        raise _refused(admission, reason, message=reason.reason)
    return admission


def _refused(admission: Admission, reason: Closing, *, message: str) -> Refused:
    _write_close(admission.grant.session_id, reason)
    _record(admission.actor, "console.connect", AuditEntry.Outcome.REFUSED, admission.guest, details=_facts(admission), message=message)
    return Refused(reason)


def _facts(session: ConsoleSession | Admission) -> dict[str, Any]:
    return {"kind": session.kind, "mode": session.mode}


def note_opening(admission: Admission) -> None:
    _record(admission.actor, "console.connect", AuditEntry.Outcome.DONE, admission.guest, details=_facts(admission))
    live.publish_consoles([admission.grant.session_id])


def end(admission: Admission, why: Closing, *, done: Doings) -> None:
    columns = {"to_viewer_bytes": done.to_viewer_bytes, "to_guest_bytes": done.to_guest_bytes}
    if _write_close(admission.grant.session_id, why, **columns):
        details = {**_facts(admission), "seconds": round(done.seconds), "why": why.reason or "The viewer left."}
        _record(admission.actor, "console.disconnect", AuditEntry.Outcome.DONE, admission.guest, details=details, message=why.reason)
        live.publish_closed(admission.grant.session_id, admission.guest.tenant_id)


def refuse_failed(admission: Admission, why: Closing) -> None:
    """The host could not give the line."""
    _write_close(admission.grant.session_id, why)
    details = _facts(admission)
    _record(admission.actor, "console.connect", AuditEntry.Outcome.FAILED, admission.guest, details=details, message=why.reason)


def _write_close(session_id: UUID, why: Closing, **columns: Any) -> bool:
    """False: it was closed already."""
    still_open = ConsoleSession.objects.filter(pk=session_id, closed_at__isnull=True)
    return bool(still_open.update(closed_at=timezone.now(), close_reason=why.reason[:100], **columns))


def _record(actor: Actor, operation: str, outcome: str, guest: Guest, *, details: dict[str, Any], message: str = "") -> None:
    with transaction.atomic():
        audit.record(actor, operation, outcome, target=guest, details=details, message=message)


def tidy() -> None:
    """Close the consoles whose process died with them, and forget old rows. Runs in a worker, every minute."""
    now = timezone.now()
    dead = ConsoleSession.objects.filter(opened_at__isnull=False, closed_at__isnull=True, seen_at__lt=now - 2 * LEASE)
    for row in dead.select_related("user", "guest"):
        if _write_close(row.pk, closing.PROCESS_ENDED) and row.opened_at and row.seen_at:
            seconds = round((row.seen_at - row.opened_at).total_seconds())
            details = {**_facts(row), "seconds": seconds, "why": closing.PROCESS_ENDED.reason}
            actor = Actor(label=row.user.username, user_id=row.user_id, address=row.address)
            message = closing.PROCESS_ENDED.reason
            _record(actor, "console.disconnect", AuditEntry.Outcome.DONE, row.guest, details=details, message=message)
            live.publish_closed(row.pk, row.guest.tenant_id)
    ConsoleSession.objects.filter(issued_at__lt=now - KEPT_FOR).delete()
