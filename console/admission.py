"""From a ticket to an open console: who is let in, to which guest, and the record of when it began and ended.

Everything here is database work for both front ends; run it through `database.in_thread`.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from console import closing, rights, tickets
from console.closing import Closing, Refused
from console.models import ConsoleSession, ConsoleTicket
from console.rights import Grant, LiveLogins, Login
from guests.models import Guest
from hypervisor.specs import HostAddress
from tenants import audit
from tenants.actor import Actor
from tenants.models import AuditEntry

log = logging.getLogger(__name__)


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
    row = tickets.redeem(request.ticket)
    if row is None:
        raise Refused(closing.BAD_TICKET)
    login = rights.login_of(row.user, login_hash=row.login_hash, session_key=request.session_key)
    if login is None or row.kind != request.kind or str(row.guest_id) != request.guest_id:
        raise _refused(row, login, request.address, closing.BAD_TICKET)
    reason = LiveLogins([login]).why_not(login, user=row.user, guest=row.guest, mode=row.mode)
    if reason:
        raise _refused(row, login, request.address, reason)
    return _admission(row, login, request.address)


def _admission(row: ConsoleTicket, login: Login, address: str) -> Admission:
    session_id = uuid.uuid4()
    return Admission(
        grant=Grant(session_id=session_id, user_id=row.user_id, mode=row.mode, login=login, login_hash=row.login_hash),
        actor=Actor(label=row.user.username, user_id=row.user_id, address=address),
        guest=row.guest,
        kind=row.kind,
        mode=row.mode,
        host=row.guest.host.hypervisor_address,
        domain_uuid=row.guest.uuid,
    )


def _refused(row: ConsoleTicket, login: Login | None, address: str, reason: Closing) -> Refused:
    actor = Actor(label=row.user.username, user_id=row.user_id, address=address)
    why = reason.reason if login else "The ticket was redeemed with another login session."
    audit.record(actor, "console.connect", AuditEntry.Outcome.REFUSED, target=row.guest, message=why)
    return Refused(reason)


def begin(admission: Admission) -> None:
    """Record that the console is open. Without this row the rights watch closes it."""
    ConsoleSession.objects.create(
        id=admission.grant.session_id,
        user_id=admission.grant.user_id,
        login_hash=admission.grant.login_hash,
        guest=admission.guest,
        kind=admission.kind,
        mode=admission.mode,
        address=admission.actor.address,
    )
    audit.record(
        admission.actor,
        "console.connect",
        AuditEntry.Outcome.DONE,
        target=admission.guest,
        details={"kind": admission.kind, "mode": admission.mode},
    )


def end(admission: Admission, why: Closing) -> None:
    now = timezone.now()
    ConsoleSession.objects.filter(pk=admission.grant.session_id).update(closed_at=now, close_reason=why.reason[:100])
    audit.record(admission.actor, "console.disconnect", AuditEntry.Outcome.DONE, target=admission.guest, message=why.reason)


def refuse_failed(admission: Admission, why: Closing) -> None:
    """Record that the host could not give the line."""
    audit.record(admission.actor, "console.connect", AuditEntry.Outcome.FAILED, target=admission.guest, message=why.reason)


def forget_lost_sessions() -> None:
    """Sessions whose process died with them: past the hard limit none can be open."""
    limit = timezone.now() - timedelta(seconds=settings.CONSOLE_HARD_LIMIT_S + 600)
    ConsoleSession.objects.filter(closed_at__isnull=True, opened_at__lt=limit).update(
        closed_at=timezone.now(), close_reason="The process that carried it ended."
    )
