"""Runs one job in a worker: claims it, does its steps, or undoes them in reverse. Transitions are `jobs.transitions`' business.

Whatever happens, the row says what is next: a step that fails is undone, a host that does not answer is waited for without a worker,
a worker that dies is followed by another one at the first step not done, an undo that fails needs attention.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models.functions import Now
from django.utils import timezone

from hypervisor.errors import HostUnreachable
from jobs import connections as host_connections
from jobs import enqueue, transitions
from jobs.context import RunContext
from jobs.failure import plain_error
from jobs.lease import LeaseHolder, LeaseKeeper, slot_name, worker_name
from jobs.models import Job, JobState, JobStep, StepState
from jobs.transitions import Lease
from jobs.workflow import FOR_EVER, Cancelled, LeaseLost, NotYet, Step, Workflow, is_host_up, workflow_for

logger = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 15.0
RETRY_UNDO_S = 30.0
TRUST_WATCHER_AFTER_S = 60.0
STARTED = (StepState.RUNNING, StepState.DONE, StepState.FAILED)


def run(job_id: UUID) -> None:
    """Does nothing when the job is not waiting: the same message may come twice."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        logger.warning("Job %s is gone; its message is dropped.", job_id)
        return
    per_host = max(1, settings.CELERY_WORKER_CONCURRENCY - 1)
    lease = transitions.claim(job, worker=worker_name(), slot=slot_name(), per_host=per_host)
    if lease is None:
        return
    try:
        with LeaseKeeper(lease) as keeper:
            execute(job, lease, keeper)
    finally:
        if job.host_id is not None:
            enqueue.send_next_of_host(job.host_id)


def execute(job: Job, lease: Lease, keeper: LeaseHolder, *, workflow: Workflow | None = None) -> None:
    """Run a job that was just claimed. `workflow` replaces the registered one in tests."""
    try:
        try:
            workflow = workflow or workflow_for(job.kind)
        except Exception as error:
            _cannot_load(job, lease, error)
            return
        _Run(job, lease, keeper, workflow).go()
    except LeaseLost as lost:
        logger.warning("Stopped: %s", lost)
    except (OperationalError, InterfaceError):
        # The database went away. The lease runs out, and whoever finds the job then looks first and goes on.
        logger.exception("The database failed under job %s; it will be resumed.", job.pk)
        connections.close_all()


def _cannot_load(job: Job, lease: Lease, error: Exception) -> None:
    """A kind that is not known (any more): over when nothing was begun, else somebody has to look at what was."""
    value = plain_error(error, job, doing="Load the workflow")
    if JobStep.objects.filter(job=job, state__in=STARTED).exists():
        transitions.need_attention(lease, {**value, "cause": job.error}, retry_in_s=None)
    else:
        transitions.finish(lease, JobState.FAILED, error=value)


class _Run:
    def __init__(self, job: Job, lease: Lease, keeper: LeaseHolder, workflow: Workflow) -> None:
        self.job = job
        self.lease = lease
        self.workflow = workflow
        self.context = RunContext(job, lease, keeper)
        if job.error is not None and "cause" in job.error:
            # It needed attention: what went wrong first is the error again when the undo works now.
            self.context.error = job.error["cause"]
        self.rows: list[JobStep] = []
        self.waiting_since = job.waiting_since
        self.total_weight = sum(step.weight for step in workflow.steps) or 1.0
        self.current = workflow.steps[0].title if workflow.steps else job.title

    def go(self) -> None:
        self._prepare()
        if not self.job.is_undoing:
            try:
                if self.job.state == JobState.CANCELLING:
                    raise Cancelled
                if not self._do_all():
                    return
                self._succeed()
                return
            except LeaseLost:
                raise
            except Cancelled:
                self._turn_back(None)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                self._turn_back(self._why(error))
        self._undo_all()

    def _prepare(self) -> None:
        with transaction.atomic():
            # Told with the first step, a moment later: a click that starts a guest waits for this.
            transitions.write(self.lease, publish=False)
            rows = [
                JobStep(job=self.job, position=position, name=step.name, title=step.title)
                for position, step in enumerate(self.workflow.steps)
            ]
            self.rows = list(JobStep.objects.filter(job=self.job).order_by("position"))
            if not self.rows:
                self.rows = JobStep.objects.bulk_create(rows)
        self.context.results.update({row.name: row.result for row in self.rows if row.state in (StepState.DONE, StepState.SKIPPED)})

    # -- forwards -----------------------------------------------------------------------------------------------------------
    def _do_all(self) -> bool:
        """False when the job was given back to wait for its host."""
        for position, step in enumerate(self.workflow.steps):
            row = self.rows[position]
            if row.state in (StepState.DONE, StepState.SKIPPED):
                continue
            self.current = step.title
            self.context.check_now()
            try:
                self._spare_absent_host()
                self._do(step, row, position)
            except NotYet as later:
                self._wait_for_others(later)
                return False
            except HostUnreachable as error:
                self._drop_connections()
                if self._has_waited_s() >= self.workflow.max_wait_s:
                    raise
                self._wait(error)
                return False
        return True

    def _do(self, step: Step, row: JobStep, position: int) -> None:
        before = sum(other.weight for other in self.workflow.steps[:position])
        self.context.begin_step(lambda fraction: (before + fraction * step.weight) / self.total_weight)
        if step.is_done(self.context):
            # Never come to before: it was so already, and is not ours to undo.
            self._save(row, StepState.SKIPPED if row.state == StepState.PENDING else StepState.DONE, step=step.title)
        else:
            self._save(row, StepState.RUNNING, step=step.title)
            row.result = step.do(self.context) or {}
            done = (before + step.weight) / self.total_weight
            self._save(row, StepState.DONE, publish=False, progress=done, bytes_done=None, bytes_total=None)
        self.context.results[step.name] = row.result

    def _succeed(self) -> None:
        self.current = "Finish"
        with transaction.atomic():
            self.workflow.on_success(self.context)
            transitions.finish(self.lease, JobState.SUCCEEDED, progress=1.0, step="", outcome=self.context.outcome, error=None)

    def _why(self, error: Exception) -> dict[str, Any] | None:
        """None when the job is being cancelled: a call that was broken off for it may fail in its own way."""
        if transitions.state_of(self.lease) == JobState.CANCELLING:
            logger.info("Job %s, while being cancelled: %s", self.job.pk, error)
            return None
        return plain_error(error, self.job, doing=self.current)

    def _turn_back(self, error: dict[str, Any] | None) -> None:
        with transaction.atomic():
            transitions.begin_undo(self.lease, error)
            JobStep.objects.filter(job=self.job, state=StepState.RUNNING).update(state=StepState.FAILED, finished_at=Now())
        for row in self.rows:
            if row.state == StepState.RUNNING:
                row.state = StepState.FAILED
        self.context.error = error
        self.context.is_undoing = True
        self.waiting_since = None
        if error is not None:
            self.context.log(error["message"], level="error")

    # -- backwards ----------------------------------------------------------------------------------------------------------
    def _undo_all(self) -> None:
        for step, row in reversed(list(zip(self.workflow.steps, self.rows, strict=True))):
            if row.state not in STARTED:
                continue
            self.current = f"Undo: {step.title}"
            self.context.begin_step(lambda fraction: fraction)
            transitions.write(self.lease, step=self.current[:100])
            try:
                step.undo(self.context)
            except (LeaseLost, OperationalError, InterfaceError):
                raise
            except NotYet as later:
                self._wait_for_others(later)
                return
            except HostUnreachable as error:
                self._drop_connections()
                if self._has_waited_s() < self.workflow.max_wait_s:
                    self._wait(error)
                else:
                    self._need_attention(error, retry_in_s=RETRY_UNDO_S)
                return
            except Exception as error:
                self._need_attention(error, retry_in_s=None)
                return
            self._save(row, StepState.UNDONE, publish=False, waiting_since=None)
        self._end_undone()

    def _end_undone(self) -> None:
        self.current = "Finish the undo"
        error = self.context.error
        try:
            with transaction.atomic():
                self.workflow.on_failure(self.context)
                transitions.finish(self.lease, JobState.FAILED if error else JobState.CANCELLED, step="", error=error)
        except (LeaseLost, OperationalError, InterfaceError):
            raise
        except Exception as failure:
            self._need_attention(failure, retry_in_s=None)

    def _need_attention(self, error: Exception, *, retry_in_s: float | None) -> None:
        remains = [step.title for step, row in zip(self.workflow.steps, self.rows, strict=True) if row.state in STARTED]
        value = plain_error(error, self.job, doing=self.current)
        if remains:
            value["message"] += f" Not undone: {'; '.join(remains)}."
        if retry_in_s is not None:
            value["hint"] = "The undo goes on by itself when the host is up again."
        else:
            value["hint"] = "Remove the cause, then retry: the undo goes on where it stopped."
        self.context.log(value["message"], level="error")
        transitions.need_attention(self.lease, {**value, "cause": self.context.error}, retry_in_s=retry_in_s)

    # -- both ---------------------------------------------------------------------------------------------------------------
    def _wait(self, error: HostUnreachable) -> None:
        """Doubles what was waited already: 2, 2, 4, 8, 15 s."""
        delay = min(max(self._has_waited_s(), FIRST_WAIT_S), LONGEST_WAIT_S)
        logger.info("Job %s, %s: %s; again in %.0f s", self.job.pk, self.current, error, delay)
        if not self._has_waited_s():
            self.context.log(f"{self.current}: the host does not answer. The job goes on when it does.", level="warning")
        transitions.wait(self.lease, delay)
        enqueue.send(self.job.pk, delay_s=delay)

    def _wait_for_others(self, later: NotYet) -> None:
        transitions.wait(self.lease, later.seconds, for_host=False)
        enqueue.send(self.job.pk, delay_s=later.seconds)

    def _spare_absent_host(self) -> None:
        """A long wait trusts the watcher: a hundred jobs that each try a dead host would leave no worker for the hosts that live."""
        host_id = self.job.host_id
        if (
            self.workflow.max_wait_s == FOR_EVER
            and host_id is not None
            and self._has_waited_s() > TRUST_WATCHER_AFTER_S
            and not is_host_up(host_id)
        ):
            raise HostUnreachable("Its watcher cannot reach it either.")

    def _has_waited_s(self) -> float:
        return (timezone.now() - self.waiting_since).total_seconds() if self.waiting_since else 0.0

    def _drop_connections(self) -> None:
        for address in self.context.addresses:
            host_connections.drop(address)

    def _save(self, row: JobStep, state: StepState, *, publish: bool = True, **job_fields: Any) -> None:
        """The step's row and the job's in one transaction: the job's row carries the fence for both."""
        row.state = state
        if state == StepState.RUNNING:
            row.started_at = row.started_at or timezone.now()
        else:
            row.finished_at = timezone.now()
        if state in (StepState.DONE, StepState.SKIPPED):
            self.waiting_since = None
            job_fields["waiting_since"] = None
        with transaction.atomic():
            transitions.write(self.lease, publish=publish, **job_fields)
            row.save(update_fields=["state", "result", "started_at", "finished_at"])
