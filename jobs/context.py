"""What a step holds while it runs: `jobs.workflow.JobContext`, backed by the job's row and the worker's connections."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from hypervisor.port import Host
from hypervisor.specs import HostAddress
from jobs import connections, transitions
from jobs.lease import LeaseHolder
from jobs.models import Job, JobLogLine, JobState
from jobs.transitions import Lease
from jobs.workflow import Cancelled, LeaseLost
from kvmweb.logs import escape

INTERVAL_S = 0.5
"""Progress is written, and the row looked at, at most this often."""


class RunContext:
    def __init__(self, job: Job, lease: Lease, keeper: LeaseHolder) -> None:
        self.job_id: UUID = job.pk
        self.args: dict[str, Any] = job.args
        self.results: dict[str, dict[str, Any]] = {}
        self.error: dict[str, Any] | None = job.error
        self.is_undoing = job.is_undoing
        self.outcome = ""
        self.addresses: set[HostAddress] = set()
        """Of the hosts used in the current step: their connections are dropped when one does not answer."""
        self._lease = lease
        self._keeper = keeper
        self._share: Callable[[float], float] = lambda fraction: fraction
        self._next_look_at = 0.0
        self._next_write_at = 0.0

    def begin_step(self, share: Callable[[float], float]) -> None:
        """`share` maps the step's own progress to the job's."""
        self._share = share
        self._next_write_at = 0.0
        self.addresses.clear()

    def host(self, address: HostAddress) -> Host:
        self.addresses.add(address)
        return connections.host_at(address)

    def log(self, text: str, *, level: str = "info") -> None:
        with transaction.atomic():
            transitions.write(self._lease)
            JobLogLine.objects.create(job_id=self.job_id, level=level, text=escape(text))

    def progress(self, fraction: float, *, bytes_done: int | None = None, bytes_total: int | None = None) -> None:
        self.check()
        now = time.monotonic()
        if now < self._next_write_at or self.is_undoing:
            return
        self._next_write_at = now + INTERVAL_S
        overall = self._share(min(max(fraction, 0.0), 1.0))
        transitions.write(self._lease, progress=overall, bytes_done=bytes_done, bytes_total=bytes_total)

    def check(self) -> None:
        now = time.monotonic()
        if now >= self._next_look_at:
            self._next_look_at = now + INTERVAL_S
            self.check_now()
        elif self._keeper.is_lost:
            raise LeaseLost(f"The lease of job {self.job_id} ran out.")

    def check_now(self) -> None:
        if self._keeper.is_lost:
            raise LeaseLost(f"The lease of job {self.job_id} ran out.")
        state = transitions.state_of(self._lease)
        if state is None:
            raise LeaseLost(f"Job {self.job_id} is no longer held by this worker.")
        if state == JobState.CANCELLING and not self.is_undoing:
            raise Cancelled

    def finish_with(self, sentence: str) -> None:
        self.outcome = sentence[:300]

    def sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, INTERVAL_S))
            self.check()
