"""A logout ends the login's consoles and its unused tickets, also those opened where the session cookie cannot be seen."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from console.models import ConsoleSession
from console.tickets import hash_of


@receiver(user_logged_out)
def revoke_consoles(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    session_key = request.session.session_key if request is not None else None
    if not session_key:
        return
    mine = ConsoleSession.objects.filter(login_hash=hash_of(session_key), closed_at__isnull=True, revoked_at__isnull=True)
    mine.update(revoked_at=timezone.now())
