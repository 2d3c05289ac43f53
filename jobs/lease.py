"""Keeps a claim alive while its job runs: a thread with its own database connection renews the lease, so that a blocking call to a host
cannot lose it. Who the worker is, is said here too."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from types import TracebackType
from typing import Protocol

from django.db import DatabaseError, InterfaceError, connections

from jobs import transitions
from jobs.transitions import LEASE_S, Lease

logger = logging.getLogger(__name__)

RENEW_S = 5.0
RETRY_S = 1.0


def worker_name() -> str:
    """The pool this process belongs to: its slots share the limit of jobs per host."""
    return f"{socket.gethostname()[:50]}:{os.getppid()}"


def slot_name() -> str:
    return f"{os.getpid()}.{threading.get_ident() & 0xFFFF:x}"


class LeaseHolder(Protocol):
    @property
    def is_lost(self) -> bool: ...


class LeaseKeeper:
    """`with LeaseKeeper(lease) as keeper:` renews until the block ends. Each renewal is one autocommitted UPDATE: no open transaction."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._stop = threading.Event()
        self._taken_over = False
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{lease.job_id}", daemon=True)

    @property
    def is_lost(self) -> bool:
        """Also when the database could not be reached for so long that somebody else may have taken the job."""
        return self._taken_over or time.monotonic() - self._renewed_at > LEASE_S

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(timeout=RETRY_S)

    def _keep(self) -> None:
        pause = RENEW_S
        try:
            while not self._stop.wait(pause):
                asked_at = time.monotonic()
                try:
                    is_held = transitions.renew(self._lease) is not None
                except (DatabaseError, InterfaceError) as error:
                    logger.warning("Could not renew the lease of job %s: %s", self._lease.job_id, error)
                    connections.close_all()
                    pause = RETRY_S
                    continue
                if not is_held:
                    self._taken_over = True
                    return
                self._renewed_at, pause = asked_at, RENEW_S
        finally:
            connections.close_all()
