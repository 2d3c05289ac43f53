"""Consoles: their tickets (one use, 30 s, only the hash stored) and what became of them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self

from django.db import models
from django.utils import timezone

from guests.models import Guest
from tenants.actor import Actor
from tenants.models import TenantRole, User
from tenants.querysets import VisibleQuerySet

LEASE = timedelta(seconds=30)
"""The process that carries a console says so every 5 s. One that was silent for so long has died, and its consoles with it."""


class ConsoleKind(models.TextChoices):
    VNC = "vnc", "screen"
    SERIAL = "serial", "serial line"


class ConsoleMode(models.TextChoices):
    CONTROL = "control", "control"
    VIEW = "view", "view only"


class ConsoleSessionQuerySet(VisibleQuerySet["ConsoleSession"]):
    """One's own, and as an owner those of everybody at the tenant's guests."""

    def _scope(self, actor: Actor) -> Self:
        owned = [tenant_id for tenant_id, role in actor.roles.items() if role == TenantRole.OWNER]
        mine = models.Q(user_id=actor.user_id) if actor.user_id else models.Q()
        return self.filter(mine | models.Q(guest__tenant_id__in=owned), guest__tenant_id__in=actor.tenant_ids)

    def open(self) -> Self:
        return self.filter(opened_at__isnull=False, closed_at__isnull=True, seen_at__gt=timezone.now() - LEASE)


class ConsoleSession(models.Model):
    """One console from its ticket to its close, bound to user, login, guest, kind and mode.

    issued -> opened (the ticket was redeemed, by one UPDATE) -> closed. `revoked_at` refuses the ticket and asks whoever relays the
    console to close it: set at logout, or to throw somebody out (`is_kicked`).
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
    seen_at = models.DateTimeField(null=True)
    """The lease: when its process last said that it carries it."""
    active_at = models.DateTimeField(null=True)
    """When somebody last did something."""
    to_viewer_bytes = models.BigIntegerField(default=0)
    to_guest_bytes = models.BigIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True)
    is_kicked = models.BooleanField(default=False)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=100, blank=True)

    objects = ConsoleSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-issued_at"]
        indexes = [
            # Counted at every opening, for the caps; and read for the list.
            models.Index(fields=["user"], condition=models.Q(closed_at__isnull=True), name="console_open_of_user"),
            models.Index(fields=["address"], condition=models.Q(closed_at__isnull=True), name="console_open_from_address"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.guest} ({self.kind})"

    @property
    def tenant_id(self) -> uuid.UUID:
        return self.guest.tenant_id

    @property
    def name(self) -> str:
        """For the audit trail."""
        return f"console of {self.user.username} at {self.guest.name}"
