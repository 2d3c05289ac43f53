"""Forgetting the login data of guests that have booted: the seed's file and the encrypted row. Beat asks for this every minute.

cloud-init reads the seed at the first boot only. What is kept longer can be stolen: by whoever reads the host's disk, or ours.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from guests.models import CloudInit, Guest, GuestState
from jobs.models import Job
from jobs.services import submit
from kvmweb.errors import Busy
from tenants.actor import system_actor

logger = logging.getLogger(__name__)

LONGEST_FIRST_BOOT = timedelta(minutes=20)
SHORTEST_FIRST_BOOT = timedelta(minutes=5)
AT_ONCE = 20


def is_due(*, state: str, seen_running_at: datetime | None, now: datetime) -> bool:
    """Twenty minutes of running (a loaded host without KVM needs eight); or it was shut down after it had time to read everything."""
    if seen_running_at is None:
        return False
    if state == GuestState.SHUTOFF:
        return now - seen_running_at >= SHORTEST_FIRST_BOOT
    return now - seen_running_at >= LONGEST_FIRST_BOOT


def forget_due_seeds(*, now: datetime | None = None) -> list[Job]:
    """Note which guests run for the first time, and start a job for each seed that has done its work."""
    now = now or timezone.now()
    waiting = CloudInit.objects.select_related("guest")
    waiting.filter(first_seen_running_at__isnull=True, guest__state=GuestState.RUNNING).update(first_seen_running_at=now)
    seen = waiting.filter(first_seen_running_at__lte=now - SHORTEST_FIRST_BOOT, guest__is_missing=False, guest__host__state="up")
    due = [login.guest for login in seen[:500] if is_due(state=login.guest.state, seen_running_at=login.first_seen_running_at, now=now)]
    return [job for guest in due[:AT_ONCE] if (job := _start(guest)) is not None]


def _start(guest: Guest) -> Job | None:
    """None while another job works on the guest: the next round asks again."""
    try:
        with transaction.atomic():
            return submit(
                system_actor("first-boot"),
                kind="guest.forget_seed",
                title=f"Remove the login data of guest {guest.name}",
                target=guest,
                tenant=guest.tenant,
                host_id=guest.host_id,
                exclusive_key=f"guest:{guest.pk}",
                args={"guest_id": str(guest.pk)},
            )
    except Busy:
        return None
