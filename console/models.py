"""Consoles: their tickets (one use, 30 s, only the hash stored) and what became of them."""

from __future__ import annotations

import uuid

from django.db import models

from guests.models import Guest
from tenants.models import User


class ConsoleKind(models.TextChoices):
    VNC = "vnc", "screen"
    SERIAL = "serial", "serial line"


class ConsoleMode(models.TextChoices):
    CONTROL = "control", "control"
    VIEW = "view", "view only"


class ConsoleSession(models.Model):
    """One console from its ticket to its close, bound to user, login, guest, kind and mode.

    issued -> opened (the ticket was redeemed, by one UPDATE) -> closed. `revoked_at` refuses the ticket and asks whoever relays the
    console to close it: set at logout, or to throw somebody out.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    login_hash = models.CharField(max_length=64, db_index=True)
    """SHA-256 of the session key, or of the API token's digest, that asked."""
    guest = models.ForeignKey(Guest, on_delete=models.CASCADE, related_name="console_sessions")
    kind = models.CharField(max_length=8, choices=ConsoleKind.choices)
    mode = models.CharField(max_length=8, choices=ConsoleMode.choices)
    address = models.CharField(max_length=64, blank=True)
    issued_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    """Of the ticket."""
    opened_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-issued_at"]

    def __str__(self) -> str:
        return f"{self.user} at {self.guest} ({self.kind})"
