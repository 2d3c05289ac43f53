"""One thread per process that closes consoles whose right was lost, that nobody uses, or that are open too long, and renews their leases.

A thread, not a task, because the gateway has no event loop of its own and the queries would block one. It costs the same few queries
however many consoles are open, starts with the first and ends with the last.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.utils import timezone

from console import closing, live, rights
from console.closing import Closing
from console.database import with_fresh_connection
from console.models import ConsoleSession
from console.rights import Grant

log = logging.getLogger(__name__)

PERIOD_S = 1.0
"""A kick closes the console within 2 s, a lost right within 5 s: this, plus a slow query."""
BEAT_EVERY = 5
"""Rounds between two renewals of the leases (`models.LEASE`), and of what the list of consoles shows."""


@dataclass(slots=True, eq=False)
class Watched:
    """`end` is called from the watch's thread, once or more."""

    grant: Grant
    end: Callable[[Closing], None]
    opened_s: float = field(default_factory=time.monotonic)
    active_s: float = field(default_factory=time.monotonic)
    to_viewer_bytes: int = 0
    to_guest_bytes: int = 0
    told: tuple[float, int, int] | None = None
    """What was written of it last."""

    @property
    def doings(self) -> tuple[float, int, int]:
        return self.active_s, self.to_viewer_bytes, self.to_guest_bytes


class Watch:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[UUID, Watched] = {}
        self._thread: threading.Thread | None = None
        self._rounds = 0

    def add(self, watched: Watched) -> None:
        with self._lock:
            self._watched[watched.grant.session_id] = watched
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="console-rights", daemon=True)
                self._thread.start()

    def remove(self, watched: Watched) -> None:
        with self._lock:
            self._watched.pop(watched.grant.session_id, None)

    def end_all(self, why: Closing, *, within_s: float) -> None:
        """Before the process ends: viewers are told and come back, and the records are written."""
        deadline = time.monotonic() + within_s
        with self._lock:
            watched = list(self._watched.values())
        for each in watched:
            each.end(why)
        while self._watched and time.monotonic() < deadline:
            time.sleep(0.05)

    def _run(self) -> None:
        while True:
            time.sleep(PERIOD_S)
            with self._lock:
                watched = list(self._watched.values())
                if not watched:
                    self._thread = None
                    break
            try:
                with_fresh_connection(self._check, watched)
            except Exception:
                # A database that is down must not end the watch; the consoles stay open until it can be asked.
                log.exception("The rights of %d open consoles could not be checked.", len(watched))
                connections.close_all()
        connections.close_all()

    def _check(self, watched: Collection[Watched]) -> None:
        lost = rights.lost_rights(each.grant for each in watched)
        now = time.monotonic()
        for each in watched:
            reason = lost.get(each.grant.session_id) or _overdue(each, now)
            if reason:
                each.end(reason)
        self._rounds += 1
        if self._rounds % BEAT_EVERY == 0:
            _beat([each for each in watched if each.grant.session_id not in lost])


def _beat(watched: Collection[Watched]) -> None:
    """Renew the leases, and write down what was done where something was."""
    now, now_s = timezone.now(), time.monotonic()
    ConsoleSession.objects.filter(pk__in=[each.grant.session_id for each in watched], closed_at__isnull=True).update(seen_at=now)
    changed = [each for each in watched if each.doings != each.told]
    rows = [
        ConsoleSession(
            pk=each.grant.session_id,
            active_at=now - timedelta(seconds=now_s - each.active_s),
            to_viewer_bytes=each.to_viewer_bytes,
            to_guest_bytes=each.to_guest_bytes,
        )
        for each in changed
    ]
    ConsoleSession.objects.bulk_update(rows, ["active_at", "to_viewer_bytes", "to_guest_bytes"], batch_size=100)
    live.publish_consoles([row.pk for row in rows])
    for each in changed:
        each.told = each.doings


def _overdue(watched: Watched, now: float) -> Closing | None:
    if now - watched.opened_s > settings.CONSOLE_HARD_LIMIT_S:
        return closing.TIME_LIMIT
    if now - watched.active_s > settings.CONSOLE_IDLE_LIMIT_S:
        return closing.IDLE
    return None


watch = Watch()
"""This process's."""
