"""What open pages get about guests: snapshots when they subscribe, and a push when something about a row changed that no host told."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import F

from guests.inventory import publish_guests, publish_rows
from guests.models import Guest
from guests.payload import Payload
from guests.selectors import guest_for, guest_list, guest_payloads, guest_summary, guest_view
from jobs.models import Job
from live import publish
from tenants.actor import Actor

SNAPSHOT_ROWS = 50
"""A page of the list by name, which most people look at. A page that comes back asks for its rows anew anyway."""


def list_snapshot(actor: Actor) -> Payload:
    return {"results": guest_payloads(actor, guest_list(actor)[:SNAPSHOT_ROWS]), "summary": guest_summary(actor)}


def row_snapshot(actor: Actor, guest_id: str) -> Payload:
    return guest_view(actor, guest_for(actor, guest_id))


def touch(guest_id: UUID | str, **columns: Any) -> None:
    """Write `columns` and a new version. Open pages are told after the commit: the guest's job may begin or end in this transaction."""
    if Guest.objects.filter(pk=guest_id).update(version=F("version") + 1, **columns):
        publish.when_seen(partial(publish_guests, [UUID(str(guest_id))]))


def hand_over(guest: Guest, job: Job, **columns: Any) -> None:
    """As `touch`, for a row that is locked, read with tenant and host, and was just given to `job`: little is read again."""
    for name, value in columns.items():
        setattr(guest, name, value)
    guest.version += 1
    Guest.objects.filter(pk=guest.pk).update(version=guest.version, **columns)
    publish.when_seen(partial(publish_rows, [guest], {guest.pk: job}))
