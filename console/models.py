"""Console tickets (one use, 30 s, only the hash stored) and the sessions they opened."""

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


class ConsoleTicket(models.Model):
    """Bound to user, login session (or token), guest, kind and mode. Redeemed by one atomic UPDATE."""

    ticket_hash = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    login_hash = models.CharField(max_length=64)
    """SHA-256 of the session key, or of the API token's digest, that asked."""
    guest = models.ForeignKey(Guest, on_delete=models.CASCADE)
    kind = models.CharField(max_length=8, choices=ConsoleKind.choices)
    mode = models.CharField(max_length=8, choices=ConsoleMode.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} ticket for {self.guest_id}"


class ConsoleSession(models.Model):
    """One open (or past) console. `revoked_at` asks whoever relays it to close it: set at logout, or to throw somebody out."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    login_hash = models.CharField(max_length=64, blank=True, db_index=True)
    guest = models.ForeignKey(Guest, on_delete=models.CASCADE, related_name="console_sessions")
    kind = models.CharField(max_length=8, choices=ConsoleKind.choices)
    mode = models.CharField(max_length=8, choices=ConsoleMode.choices)
    address = models.CharField(max_length=64, blank=True)
    opened_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return f"{self.user} at {self.guest} ({self.kind})"
