"""Every change of a job's state: one compare-and-set UPDATE each, version bumped, published after commit.

A worker holds a job by a `Lease`: its name, the fence number of its claim, and an expiry in the database's time. Every write of a
worker repeats name and fence in its WHERE, so a worker that was taken for dead can write nothing. What to do when is not decided here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Case, DateTimeField, ExpressionWrapper, F, Q, Value, When
from django.db.models.functions import Coalesce, Now

from jobs import notify, outcomes
from jobs.models import ACTIVE_STATES, Job, JobState
from jobs.workflow import LeaseLost

LEASE_S = 15
WAITS_FOR_HOST = "Waits for its host"
"""Shown as the job's step: what a person sees of it in lists and in the tray."""
HELD_STATES = (JobState.RUNNING, JobState.CANCELLING)

DUE = Q(not_before__isnull=True) | Q(not_before__lte=Now())
CLAIMABLE = (Q(state=JobState.QUEUED) | Q(state=JobState.CANCELLING, lease_owner="")) & DUE
HELD = Q(state__in=HELD_STATES) & ~Q(lease_owner="")
LEASE_EXPIRED = HELD & Q(lease_expires_at__lt=Now())

_back_to_waiting = Case(When(state=JobState.RUNNING, then=Value(JobState.QUEUED)), default=F("state"))
_NO_LEASE: dict[str, Any] = {"lease_owner": "", "lease_expires_at": None}


@dataclass(frozen=True, slots=True)
class Lease:
    """One claim of a job by one worker. `owner` is "<worker>/<slot>"."""

    job_id: UUID
    owner: str
    fence: int

    @property
    def rows(self) -> models.QuerySet[Job]:
        return Job.objects.filter(pk=self.job_id, state__in=HELD_STATES, fence=self.fence, lease_owner=self.owner)


def in_seconds(seconds: float) -> ExpressionWrapper:
    """The database's time that many seconds from now."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def claim(job: Job, *, worker: str, slot: str, per_host: int = 0) -> Lease | None:
    """Take a waiting job; None when it is not waiting (any more) or when `worker` runs `per_host` jobs of its host already.

    One transaction, so that two slots of a worker cannot both see the last free place of a host.
    """
    owner = f"{worker}/{slot}"[:100]
    # Cancelled before it began: there is nothing to undo on the host.
    needs_host = job.host_id if job.started_at or job.state != JobState.CANCELLING else None
    with transaction.atomic():
        if per_host and needs_host and _is_host_full(needs_host, worker, per_host):
            # Nobody holds a message for it now: whoever finishes on this host sends it, or the sweeper.
            Job.objects.filter(CLAIMABLE, pk=job.pk).update(sent_at=None)
            return None
        claimed = Job.objects.filter(CLAIMABLE, pk=job.pk).update(
            state=Case(When(state=JobState.QUEUED, then=Value(JobState.RUNNING)), default=F("state")),
            fence=F("fence") + 1,
            lease_owner=owner,
            lease_expires_at=in_seconds(LEASE_S),
            not_before=None,
            started_at=Coalesce(F("started_at"), Now()),
            version=F("version") + 1,
        )
        if not claimed:
            return None
        job.refresh_from_db()
    return Lease(job.pk, owner, job.fence)


def _is_host_full(host_id: UUID, worker: str, per_host: int) -> bool:
    if connection.vendor == "postgresql":
        # SQLite's IMMEDIATE transaction is exclusive already; PostgreSQL would let two claims count at once.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [zlib.crc32(f"{worker}{host_id}".encode())])
    return Job.objects.filter(HELD, host_id=host_id, lease_owner__startswith=f"{worker}/").count() >= per_host


def renew(lease: Lease) -> str | None:
    """Extend the lease; the job's state, or None when the lease is gone. Nothing is published."""
    if not lease.rows.update(lease_expires_at=in_seconds(LEASE_S)):
        return None
    return lease.rows.values_list("state", flat=True).first()


def state_of(lease: Lease) -> str | None:
    """The state of a job this worker still holds, else None."""
    return lease.rows.values_list("state", flat=True).first()


def write(lease: Lease, *, publish: bool = True, **fields: Any) -> None:
    """Change fields of a job this worker holds, or raise LeaseLost. In a transaction with other rows it guards those too."""
    if not lease.rows.update(version=F("version") + 1, **fields):
        raise LeaseLost(f"Job {lease.job_id} is no longer held by {lease.owner} with fence {lease.fence}.")
    if publish:
        notify.job_changed(lease.job_id)


def begin_undo(lease: Lease, error: dict[str, Any] | None) -> None:
    """From here on the job only goes backwards; `error` None means that it was cancelled."""
    write(lease, is_undoing=True, error=error, crashes=0, waiting_since=None, bytes_done=None, bytes_total=None)


def wait(lease: Lease, seconds: float, *, for_host: bool = True) -> None:
    """Give the job back until its host may answer again, or, not `for_host`, until another job is further: that has no limit."""
    waiting = {"waiting_since": Coalesce(F("waiting_since"), Now()), "step": WAITS_FOR_HOST} if for_host else {"waiting_since": None}
    write(lease, state=_back_to_waiting, not_before=in_seconds(seconds), sent_at=Now(), **waiting, **_NO_LEASE)


def finish(lease: Lease, state: JobState, **fields: Any) -> None:
    """The final transition. Call it in the transaction of the workflow's on_success or on_failure."""
    with transaction.atomic():
        write(lease, state=state, finished_at=Now(), waiting_since=None, not_before=None, **_NO_LEASE, **fields)
        outcomes.record(lease.job_id, state, fields.get("error"))


def need_attention(lease: Lease, error: dict[str, Any], *, retry_in_s: float | None) -> None:
    """Stop half undone. `retry_in_s`: the sweeper tries again then (the cause may pass by itself); None: only a person does."""
    not_before = in_seconds(retry_in_s) if retry_in_s is not None else None
    with transaction.atomic():
        write(lease, state=JobState.NEEDS_ATTENTION, error=error, not_before=not_before, waiting_since=None, **_NO_LEASE)
        if retry_in_s is None:
            outcomes.record(lease.job_id, JobState.NEEDS_ATTENTION, error)


def request_cancel(job_id: UUID, *, also_running: bool = True) -> bool:
    """False when it is over, being undone, or being cancelled already; not `also_running`: when a worker has it, too."""
    states = [JobState.QUEUED, JobState.RUNNING] if also_running else [JobState.QUEUED]
    rows = Job.objects.filter(pk=job_id, state__in=states, is_undoing=False)
    return _changed(job_id, rows, state=JobState.CANCELLING, cancel_requested_at=Now(), not_before=None, sent_at=Now())


def abandon_jobs_of(host_id: UUID, reason: str) -> bool:
    """Its host will never answer: what waits for it is over, with nothing undone. False, and nothing changed, while a worker holds one."""
    jobs = Job.objects.filter(host_id=host_id)
    if jobs.filter(HELD).exists():
        return False
    for job in jobs.filter(state__in=ACTIVE_STATES):
        rows = Job.objects.filter(pk=job.pk, lease_owner="", state__in=ACTIVE_STATES)
        if _changed(
            job.pk, rows, state=JobState.CANCELLED, step="", outcome=reason, finished_at=Now(), not_before=None, waiting_since=None
        ):
            outcomes.record(job.pk, JobState.CANCELLED)
    return True


def resume_undo(job_id: UUID) -> bool:
    """needs_attention goes on undoing; False when it is in another state."""
    rows = Job.objects.filter(pk=job_id, state=JobState.NEEDS_ATTENTION)
    state = Case(When(cancel_requested_at__isnull=False, then=Value(JobState.CANCELLING)), default=Value(JobState.QUEUED))
    return _changed(job_id, rows, state=state, not_before=None, waiting_since=None, crashes=0, sent_at=Now())


def recover(job: Job, **fields: Any) -> bool:
    """Take a job from a worker whose lease expired and let it wait for another; False when that worker, or a sweeper, was faster."""
    rows = Job.objects.filter(LEASE_EXPIRED, pk=job.pk, fence=job.fence, lease_owner=job.lease_owner)
    fields = {"state": _back_to_waiting, "crashes": F("crashes") + 1, "sent_at": Now(), **fields}
    with transaction.atomic():
        is_ours = _changed(job.pk, rows, **_NO_LEASE, **fields)
        if is_ours and fields["state"] == JobState.NEEDS_ATTENTION:
            outcomes.record(job.pk, JobState.NEEDS_ATTENTION, fields.get("error"))
    return is_ours


def mark_sent(job_ids: Iterable[UUID], *, ok: bool) -> None:
    """Note that Celery has, or has not, the ids. Not a change anybody sees."""
    Job.objects.filter(pk__in=list(job_ids)).update(sent_at=Now() if ok else None)


def _changed(job_id: UUID, rows: models.QuerySet[Job], **fields: Any) -> bool:
    if not rows.update(version=F("version") + 1, **fields):
        return False
    notify.job_changed(job_id)
    return True
