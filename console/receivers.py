"""A login that ends takes its consoles and its unused tickets with it, also those opened where the session cookie cannot be seen.

A session ends by logging out, by being ended from elsewhere, or by expiring: each deletes its row.
"""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.models import Session
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from console.models import ConsoleSession
from console.tickets import hash_of


@receiver(post_delete, sender=Session)
def revoke_consoles(sender: Any, instance: Session, **kwargs: Any) -> None:
    mine = ConsoleSession.objects.filter(login_hash=hash_of(instance.session_key), closed_at__isnull=True, revoked_at__isnull=True)
    mine.update(revoked_at=timezone.now())
