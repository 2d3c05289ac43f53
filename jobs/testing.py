"""For tests of workflows: run a job in this thread, and prove that a workflow survives repetition, failure, cancel and a dying worker.

The generic assertions make one job per step and case with `make_job` (a call of a real service), each from the same beginning: the
database is rolled back to a savepoint and the fake host put back afterwards. `machine` is `hypervisor.fake.machine(address)`.

    assert_every_step_twice(lambda: start_guest(member_actor, guest), machine)
    assert_unwinds_from_every_step(lambda: create_guests(...).job, machine)
    assert_survives_a_lost_worker(lambda: create_guests(...).job, machine)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.apps import apps
from django.db import transaction

from hypervisor.errors import Refused
from hypervisor.fake import FakeMachine
from jobs import connections, sweeper, transitions
from jobs.models import Job, JobState
from jobs.runner import execute
from jobs.workflow import Cancelled, JobContext, Step, StepResult, Workflow, workflow_for

MakeJob = Callable[[], Job]

IGNORED_FIELDS = {"version", "observed_at", "state_since", "updated_at"}
IGNORED_APPS = {"jobs", "sessions", "contenttypes", "auth", "admin", "knox"}
IGNORED_MODELS = {"tenants.AuditEntry", "tenants.AuditLink", "tenants.IdempotencyRecord", "tenants.ApiToken"}


class WorkerDied(BaseException):
    """Ends a run as SIGKILL would: nothing is caught, nothing written."""


class _Holder:
    is_lost = False


def run_inline(job: Job, *, workflow: Workflow | None = None, through_waits: bool = False) -> Job:
    """Claim and run the job here, as a worker would; the fresh row. `through_waits`: do not wait for a host, try at once, 20 times."""
    connections.close_all()
    for _ in range(20 if through_waits else 1):
        if through_waits:
            Job.objects.filter(pk=job.pk).update(not_before=None)
        job = Job.objects.get(pk=job.pk)
        lease = transitions.claim(job, worker="test", slot="1")
        if lease is None:
            break
        execute(job, lease, _Holder(), workflow=workflow)
    return Job.objects.select_related("tenant").get(pk=job.pk)


def lose_worker(job: Job) -> Job:
    """As if the worker had died 15 s ago and beat had swept."""
    Job.objects.filter(pk=job.pk).exclude(lease_owner="").update(lease_expires_at=transitions.in_seconds(-1))
    sweeper.sweep()
    return Job.objects.get(pk=job.pk)


def database_snapshot() -> dict[str, list[dict[str, Any]]]:
    """Every row of the product's tables, without jobs, audit and what merely says when something was looked at."""
    snapshot = {}
    for model in apps.get_models():
        if model._meta.app_label in IGNORED_APPS or model._meta.label in IGNORED_MODELS:
            continue
        fields = [field.attname for field in model._meta.concrete_fields if field.name not in IGNORED_FIELDS]
        snapshot[model._meta.label] = list(model._default_manager.order_by("pk").values(*fields))
    return snapshot


def assert_every_step_twice(make_job: MakeJob, machine: FakeMachine) -> None:
    """Each step is done twice in a row: the second time changes nothing on the host, gives the same result, and `is_done` then says yes."""
    with _from_the_same_beginning(machine):
        job = make_job()
        workflow = workflow_for(job.kind)
        complaints: list[str] = []
        twice = [replace(step, do=_doing_twice(step, machine, complaints), is_done=lambda context: False) for step in workflow.steps]
        job = run_inline(job, workflow=replace(workflow, steps=tuple(twice)), through_waits=True)
        assert complaints == [], "; ".join(complaints)
        assert job.state == JobState.SUCCEEDED, f"With every step done twice, {job.kind} ended {job.state}: {job.error}"


def assert_unwinds_from_every_step(
    make_job: MakeJob, machine: FakeMachine, *, steps: tuple[str, ...] = (), ignoring: tuple[str, ...] = ()
) -> None:
    """Fail before and after each step, cancel after it, undo twice: host and database are then as before `make_job`.

    `steps`: names to fail at, when others cannot be undone. `ignoring`: labels such as "guests.Guest" whose rows may differ.
    """
    with _from_the_same_beginning(machine):
        workflow = workflow_for(make_job().kind)
    for name in steps or tuple(step.name for step in workflow.steps):
        for case, expected in (("before", JobState.FAILED), ("after", JobState.FAILED), ("cancelled", JobState.CANCELLED)):
            with _from_the_same_beginning(machine):
                before = machine.snapshot(), _without(database_snapshot(), ignoring)
                job = run_inline(make_job(), workflow=_failing(workflow, name, case), through_waits=True)
                where = f"{job.kind}, {case} step {name}"
                assert job.state == expected, f"{where}: ended {job.state}: {job.error}"
                assert machine.snapshot() == before[0], f"{where}: something was left on the host"
                _assert_same_rows(before[1], _without(database_snapshot(), ignoring), where)


def assert_survives_a_lost_worker(make_job: MakeJob, machine: FakeMachine) -> None:
    """The worker dies right before and right after the work of each step: the next one finishes the job."""
    with _from_the_same_beginning(machine):
        workflow = workflow_for(make_job().kind)
    for step in workflow.steps:
        for case in ("dies before", "dies after"):
            with _from_the_same_beginning(machine):
                job = make_job()
                try:
                    run_inline(job, workflow=_failing(workflow, step.name, case))
                except WorkerDied:
                    job = run_inline(lose_worker(job), through_waits=True)
                else:
                    job.refresh_from_db()  # is_done said yes: the step was not needed
                assert job.state == JobState.SUCCEEDED, f"{job.kind}, worker {case} {step.name}: ended {job.state}: {job.error}"


# -- parts ----------------------------------------------------------------------------------------------------------------------
def _doing_twice(step: Step, machine: FakeMachine, complaints: list[str]) -> Callable[[JobContext], StepResult]:
    """Complaints are kept for the end: raised in here they would only fail the job."""

    def do(context: JobContext) -> StepResult:
        first = step.do(context)
        after_first = machine.snapshot()
        if not _is_unknown(step) and not step.is_done(context):
            complaints.append(f"Step {step.name}: is_done says no right after do")
        second = step.do(context)
        if machine.snapshot() != after_first:
            complaints.append(f"Step {step.name}: the second do changed the host")
        if (first or {}) != (second or {}):
            complaints.append(f"Step {step.name}: the second do gave {second}, the first {first}")
        return first

    return do


def _is_unknown(step: Step) -> bool:
    return step.is_done.__name__ == "_unknown"


def _failing(workflow: Workflow, name: str, case: str) -> Workflow:
    steps = [
        replace(step, do=_doing_badly(step, case), is_done=lambda context: False) if step.name == name else step for step in workflow.steps
    ]
    if case == "after":
        steps = [replace(step, undo=_undoing_twice(step)) for step in steps]
    return replace(workflow, steps=tuple(steps))


def _doing_badly(step: Step, case: str) -> Callable[[JobContext], StepResult]:
    def do(context: JobContext) -> StepResult:
        if case == "before":
            raise Refused("The test said no.")
        if case == "dies before":
            raise WorkerDied
        step.do(context)
        if case == "after":
            raise Refused("The test said no.")
        if case == "dies after":
            raise WorkerDied
        transitions.request_cancel(context.job_id)
        raise Cancelled

    return do


def _undoing_twice(step: Step) -> Callable[[JobContext], None]:
    def undo(context: JobContext) -> None:
        step.undo(context)
        step.undo(context)

    return undo


@contextmanager
def _from_the_same_beginning(machine: FakeMachine) -> Iterator[None]:
    """Undo everything afterwards: rows by a savepoint, the fake host by a copy."""
    kept = copy.deepcopy((machine.guests, machine.pools, machine.networks))
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)
            machine.guests, machine.pools, machine.networks = kept


def _without(snapshot: dict[str, list[dict[str, Any]]], labels: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    return {label: rows for label, rows in snapshot.items() if label not in labels}


def _assert_same_rows(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]], where: str) -> None:
    for label, rows in before.items():
        gone = [row for row in rows if row not in after[label]]
        new = [row for row in after[label] if row not in rows]
        assert (gone, new) == ([], []), f"{where}: rows of {label} are gone, or are new"
