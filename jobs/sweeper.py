"""Recovers what workers, redis and hosts left behind. Runs in beat's own process, where busy workers cannot starve it, and at
worker start.

The rows decide: expired leases go to another worker, ids Celery lost are sent again, undos go on when their host is back. Every job is
handled by itself, so that one bad one cannot stop the rest, and every look is bounded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from jobs import enqueue, transitions
from jobs.failure import error_value
from jobs.models import TERMINAL_STATES, Job, JobLogLine, JobState
from jobs.workflow import is_host_up
from kvmweb import heartbeat
from tenants.models import IdempotencyRecord

logger = logging.getLogger(__name__)

BATCH = 200
EVERY_S = 5.0
MAX_CRASHES = 3
MESSAGE_AGE_S = 10
"""A message that old, of a job that still waits, may be lost; whether it is, the length of the queue tells."""


def sweep() -> None:
    for part in (_recover_lost, _resume_undos, _send_again):
        try:
            part()
        except Exception:
            logger.exception("The sweep of %s failed; the next one tries again.", part.__name__)


def _each(jobs: Any, handle: Callable[[Job], None]) -> None:
    for job in jobs[:BATCH]:
        try:
            handle(job)
        except Exception:
            logger.exception("Could not sweep job %s", job.pk)


# -- leases that ran out --------------------------------------------------------------------------------------------------------
def _recover_lost() -> None:
    _each(Job.objects.filter(transitions.LEASE_EXPIRED).order_by("lease_expires_at"), _recover)


def _recover(job: Job) -> None:
    lost = job.crashes + 1
    if lost < MAX_CRASHES:
        if transitions.recover(job):
            _note(job, f"The worker was lost{_at_step(job)}. Another one goes on (attempt {lost + 1} of {MAX_CRASHES}).")
            enqueue.send(job.pk)
    elif not job.is_undoing and job.state == JobState.RUNNING:
        error = error_value("worker_lost", f"{lost} workers were lost{_at_step(job)}. What was done has been undone.", "Tell an operator.")
        if transitions.recover(job, is_undoing=True, error=error, crashes=0, waiting_since=None):
            _note(job, error["message"])
            enqueue.send(job.pk)
    else:
        _give_up(job, lost)


def _give_up(job: Job, lost: int) -> None:
    error = error_value("worker_lost", f"{lost} workers were lost{_at_step(job)}; what remains is not known.", "Retry the undo.")
    cause = job.error["cause"] if job.error and "cause" in job.error else job.error
    fields: dict[str, Any] = {"state": JobState.NEEDS_ATTENTION, "is_undoing": True, "error": {**error, "cause": cause}}
    if transitions.recover(job, **fields):
        _note(job, error["message"])


def _at_step(job: Job) -> str:
    return f' at "{job.step}"' if job.step else ""


def _note(job: Job, text: str) -> None:
    logger.warning("Job %s (%s): %s", job.pk, job.title, text)
    JobLogLine.objects.create(job=job, level="warning", text=text)


# -- undos whose host was away --------------------------------------------------------------------------------------------------
def _resume_undos() -> None:
    """Only those with `not_before`: the others failed for a reason that does not pass by itself."""
    _each(Job.objects.filter(state=JobState.NEEDS_ATTENTION, not_before__lte=Now()).order_by("not_before"), _resume_undo)


def _resume_undo(job: Job) -> None:
    if (job.host_id is None or is_host_up(job.host_id)) and transitions.resume_undo(job.pk):
        _note(job, "The undo goes on.")
        enqueue.send(job.pk)


# -- messages that were lost ----------------------------------------------------------------------------------------------------
def _send_again() -> None:
    """At most as many as the queue lacks, so that a long queue does not grow by itself."""
    overdue = Q(sent_at__isnull=True, created_at__lt=transitions.in_seconds(-2)) | Q(sent_at__lt=transitions.in_seconds(-MESSAGE_AGE_S))
    waiting = Job.objects.filter(transitions.CLAIMABLE)
    suspects = waiting.filter(overdue).order_by(F("sent_at").asc(nulls_first=True), "created_at").values_list("pk", flat=True)
    if not suspects.exists():
        return
    in_queue = heartbeat.queue_length(settings.CELERY_TASK_DEFAULT_QUEUE)
    if in_queue is None:
        return
    missing = max(0, waiting.count() - in_queue)
    sent = []
    for job_id in list(suspects[: min(missing, BATCH)]):
        if not enqueue.send(job_id):
            break
        sent.append(job_id)
    transitions.mark_sent(sent, ok=True)
    if sent:
        logger.info("Sent %d waiting jobs again.", len(sent))


# -- old jobs -------------------------------------------------------------------------------------------------------------------
def prune() -> None:
    """Forget what is kept for a while only."""
    IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - IdempotencyRecord.LIFETIME).delete()
    _prune_jobs()


def _prune_jobs() -> None:
    """Those that ended long ago, some at a time."""
    limit = timezone.now() - timedelta(days=getattr(settings, "JOBS_KEEP_DAYS", 90))
    while True:
        old = list(Job.objects.filter(state__in=TERMINAL_STATES, finished_at__lt=limit).values_list("pk", flat=True)[:BATCH])
        if not old:
            return
        Job.objects.filter(pk__in=old).delete()


# -- the thread in beat ---------------------------------------------------------------------------------------------------------
def start_thread() -> threading.Event:
    """Sweep every few seconds until the returned event is set. For beat only: a process that forks may not hold a connection."""
    stop = threading.Event()
    threading.Thread(target=_sweep_until, args=(stop,), name="sweeper", daemon=True).start()
    return stop


def _sweep_until(stop: threading.Event) -> None:
    while not stop.wait(EVERY_S):
        close_old_connections()
        sweep()
    connections.close_all()
