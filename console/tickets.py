"""Tickets: 256 random bits, known to the browser only; we keep the SHA-256. Whether somebody may have one is decided in `services`."""

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
from tenants.models import ApiToken

FORGET_AFTER = timedelta(hours=1)
USER_COLUMNS = ("user__username", "user__password", "user__is_active", "user__system_role")
GUEST_COLUMNS = ("guest__name", "guest__tenant", "guest__uuid", "guest__host__kind", "guest__host__socket_path")
# Named columns, and built once: reading all ninety of four tables was half of what opening a console cost.
WITH_WHAT_DECIDES = ConsoleSession.objects.select_related("user", "guest__host").only(
    "kind", "mode", "login_hash", *USER_COLUMNS, *GUEST_COLUMNS
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
    """The ticket, shown this once, and when it expires. Also forgets tickets that nobody used."""
    now = timezone.now()
    ticket = secrets.token_urlsafe(32)
    expires_at = now + timedelta(seconds=settings.CONSOLE_TICKET_LIFETIME_S)
    ConsoleSession.objects.filter(opened_at__isnull=True, expires_at__lt=now - FORGET_AFTER).delete()
    ConsoleSession.objects.create(
        ticket_hash=hash_of(ticket), user_id=user_id, login_hash=login_hash, guest=guest, kind=kind, mode=mode, expires_at=expires_at
    )
    return ticket, expires_at


def redeem(ticket: str, *, address: str) -> ConsoleSession | None:
    """The session for the first caller within the ticket's lifetime; None for everybody else, whatever the reason."""
    now = timezone.now()
    unused = ConsoleSession.objects.filter(ticket_hash=hash_of(ticket), opened_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now)
    if not unused.update(opened_at=now, address=address):
        return None
    return WITH_WHAT_DECIDES.get(ticket_hash=hash_of(ticket))
