"""From a ticket to an open console: who is let in, to which guest, and the record of when it began and ended.

Everything here is database work for both front ends; run it through `database.in_thread`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from console import closing, rights, tickets
from console.closing import Closing, Refused
from console.models import ConsoleSession
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


def admit(request: Request) -> Admission:
    """Raises Refused. A ticket is used up by its first redeeming, also when that is then refused."""
    row = tickets.redeem(request.ticket, address=request.address)
    if row is None:
        raise Refused(closing.BAD_TICKET)
    login = rights.login_of(row.user, login_hash=row.login_hash, session_key=request.session_key)
    if login is None or row.kind != request.kind or str(row.guest_id) != request.guest_id:
        why = "It is for another guest or kind of console." if login else "It was asked for by another login."
        raise _refused(row, closing.BAD_TICKET, address=request.address, message=why)
    reason = LiveLogins([login]).why_not(login, user=row.user, guest=row.guest, mode=row.mode)
    if reason:
        raise _refused(row, reason, address=request.address, message=reason.reason)
    return Admission(
        grant=Grant(session_id=row.pk, user_id=row.user_id, mode=row.mode, login=login),
        actor=_actor(row, request.address),
        guest=row.guest,
        kind=row.kind,
        mode=row.mode,
        host=row.guest.host.hypervisor_address,
        domain_uuid=row.guest.uuid,
    )


def _refused(row: ConsoleSession, reason: Closing, *, address: str, message: str) -> Refused:
    _close_session(row.pk, reason)
    audit.record(_actor(row, address), "console.connect", AuditEntry.Outcome.REFUSED, target=row.guest, message=message)
    return Refused(reason)


def _actor(row: ConsoleSession, address: str) -> Actor:
    return Actor(label=row.user.username, user_id=row.user_id, address=address)


def note_opening(admission: Admission) -> None:
    details = {"kind": admission.kind, "mode": admission.mode}
    audit.record(admission.actor, "console.connect", AuditEntry.Outcome.DONE, target=admission.guest, details=details)


def end(admission: Admission, why: Closing) -> None:
    _close_session(admission.grant.session_id, why)
    audit.record(admission.actor, "console.disconnect", AuditEntry.Outcome.DONE, target=admission.guest, message=why.reason)


def refuse_failed(admission: Admission, why: Closing) -> None:
    """The host could not give the line."""
    _close_session(admission.grant.session_id, why)
    audit.record(admission.actor, "console.connect", AuditEntry.Outcome.FAILED, target=admission.guest, message=why.reason)


def _close_session(session_id: UUID, why: Closing) -> None:
    ConsoleSession.objects.filter(pk=session_id).update(closed_at=timezone.now(), close_reason=why.reason[:100])


def tidy() -> None:
    """Close sessions whose process died with them (past the hard limit none can be open), and forget old ones."""
    now = timezone.now()
    limit = now - timedelta(seconds=settings.CONSOLE_HARD_LIMIT_S + 600)
    ConsoleSession.objects.filter(closed_at__isnull=True, opened_at__lt=limit).update(
        closed_at=now, close_reason="The process that carried it ended."
    )
    ConsoleSession.objects.filter(issued_at__lt=now - KEPT_FOR).delete()
