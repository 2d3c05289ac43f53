"""One thread per process that closes consoles whose right was lost, that nobody uses, or that are open too long.

A thread, not a task, because the gateway has no event loop of its own and the queries would block one. It costs the same few queries
however many consoles are open, starts with the first and ends with the last.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connections

from console import admission, closing, rights
from console.closing import Closing, Refused
from console.database import with_fresh_connection
from console.rights import Grant

K = TypeVar("K", UUID, str)

log = logging.getLogger(__name__)

PERIOD_S = 2.0
"""A lost right closes the console within 5 s: this, plus a slow query."""
CONSOLES_PER_USER = 500
CONSOLES_PER_ADDRESS = 1000
TIDY_EVERY = 300


@dataclass(slots=True, eq=False)
class Watched:
    """`end` is called from the watch's thread, once or more."""

    grant: Grant
    address: str
    end: Callable[[Closing], None]
    opened_s: float = field(default_factory=time.monotonic)
    active_s: float = field(default_factory=time.monotonic)


class Watch:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[UUID, Watched] = {}
        self._users: Counter[UUID] = Counter()
        self._addresses: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._rounds = 0

    def add(self, watched: Watched) -> None:
        """Raises Refused when this user or address has too many consoles in this process."""
        with self._lock:
            user_id, address = watched.grant.user_id, watched.address
            if self._users[user_id] >= CONSOLES_PER_USER or self._addresses[address] >= CONSOLES_PER_ADDRESS:
                raise Refused(closing.TOO_MANY)
            self._users[user_id] += 1
            self._addresses[address] += 1
            self._watched[watched.grant.session_id] = watched
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="console-rights", daemon=True)
                self._thread.start()

    def remove(self, watched: Watched) -> None:
        with self._lock:
            if self._watched.pop(watched.grant.session_id, None) is None:
                return
            _take_one(self._users, watched.grant.user_id)
            _take_one(self._addresses, watched.address)

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
        if self._rounds % TIDY_EVERY == 1:
            admission.tidy()


def _take_one(counter: Counter[K], key: K) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def _overdue(watched: Watched, now: float) -> Closing | None:
    if now - watched.opened_s > settings.CONSOLE_HARD_LIMIT_S:
        return closing.TIME_LIMIT
    if now - watched.active_s > settings.CONSOLE_IDLE_LIMIT_S:
        return closing.IDLE
    return None


watch = Watch()
"""This process's."""
