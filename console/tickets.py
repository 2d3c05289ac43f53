"""Tickets: 256 random bits, known to the browser only; we keep the SHA-256. Whether somebody may have one is decided in `services`;
using it up is `redeeming`."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from console.models import ConsoleSession
from guests.models import Guest
from kvmweb.errors import KvmwebError
from tenants.models import ApiToken

FORGET_AFTER = timedelta(hours=1)


class TooManyTickets(KvmwebError):
    """Of one user, asked for and not used: a page that works uses each at once."""

    code = "too_many_tickets"
    status = 429

    def __init__(self) -> None:
        wait_s = settings.CONSOLE_TICKET_LIFETIME_S
        super().__init__(
            "You asked for too many consoles without opening them.",
            hint=f"Wait {wait_s} s, then try again.",
            details={"retry_after_s": wait_s},
        )


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def login_hash_of(request: HttpRequest | Request) -> str:
    """What a ticket asked for by this request is bound to: the API token that authenticated it, else its login session."""
    token = getattr(request, "auth", None)
    if isinstance(token, ApiToken):
        return hash_of(token.digest)
    return hash_of(request.session.session_key or "")


def issue(guest: Guest, *, user_id: UUID, login_hash: str, kind: str, mode: str) -> tuple[str, datetime]:
    """The ticket, shown this once, and when it expires. Also forgets tickets that nobody used. Raises TooManyTickets."""
    now = timezone.now()
    unused = ConsoleSession.objects.filter(opened_at__isnull=True, revoked_at__isnull=True)
    if unused.filter(user_id=user_id, closed_at__isnull=True, expires_at__gt=now).count() >= settings.CONSOLE_TICKETS_PER_USER:
        raise TooManyTickets
    ticket = secrets.token_urlsafe(32)
    expires_at = now + timedelta(seconds=settings.CONSOLE_TICKET_LIFETIME_S)
    ConsoleSession.objects.filter(opened_at__isnull=True, expires_at__lt=now - FORGET_AFTER).delete()
    ConsoleSession.objects.create(
        ticket_hash=hash_of(ticket), user_id=user_id, login_hash=login_hash, guest=guest, kind=kind, mode=mode, expires_at=expires_at
    )
    return ticket, expires_at
