"""What a workflow is: a table of steps, each with do, undo and is_done. Running them is `jobs.runner`'s business.

A step looks first and acts then, by identities *we* chose (uuids, volume names), so that "did it happen?" has an answer after a crash.
`do` and `undo` may run twice; `undo` may run when `do` never did or stopped half-way. Register by dotted path in AppConfig.ready(), so
that the web process never imports the steps:

    register_workflow("guest.create", "guests.workflows.create.CREATE_GUEST", can_retry=False)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.utils.module_loading import import_string

from hypervisor.port import Host
from hypervisor.specs import HostAddress


class Cancelled(Exception):
    """Somebody cancelled the job. Let it pass: the runner undoes what was done."""


class NotYet(Exception):
    """A step, or its undo, waits for another job: give the worker back and do it again after `seconds`. Nothing is undone for it, and
    nothing times out."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:g} s")
        self.seconds = seconds


class LeaseLost(Exception):
    """Another worker took the job over, or the database could not be told in time that this one lives. Stop at once, touch nothing."""


class JobContext(Protocol):
    """What a step gets. `args` is the job's, `results` what each finished step returned, by step name."""

    job_id: UUID
    args: dict[str, Any]
    results: dict[str, dict[str, Any]]
    error: dict[str, Any] | None
    is_undoing: bool
    """While undoing, `check` does not raise Cancelled."""

    def host(self, address: HostAddress) -> Host:
        """The open connection of this worker to that host. Raises HostUnreachable: the job then waits and is sent again."""

    def log(self, text: str, *, level: str = "info") -> None: ...
    def progress(self, fraction: float, *, bytes_done: int | None = None, bytes_total: int | None = None) -> None:
        """Of the current step, 0..1. Cheap to call often: writes at most twice a second. Raises Cancelled or LeaseLost when due."""

    def check(self) -> None:
        """Raise Cancelled when the job is being cancelled, LeaseLost when another worker took it over."""

    def finish_with(self, sentence: str) -> None:
        """The outcome a person reads on a job that succeeds."""

    def sleep(self, seconds: float) -> None:
        """Wait, with `check` every half second."""


StepResult = dict[str, Any] | None


def _nothing(context: JobContext) -> None:
    return None


def _unknown(context: JobContext) -> bool:
    return False


FOR_EVER = float("inf")


@dataclass(frozen=True, slots=True)
class Step:
    """`weight`: share of the job's progress. `is_done` answers from the host or the database, not from the step's row.

    `is_done` is asked before every `do`. A step that was done before this job first came to it is skipped and never undone.
    """

    name: str
    title: str
    do: Callable[[JobContext], StepResult]
    undo: Callable[[JobContext], None] = _nothing
    is_done: Callable[[JobContext], bool] = _unknown
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Workflow:
    """`on_success`, `on_failure`: database only, run in the transaction of the final transition. `on_failure` runs after the undo.

    `error` of the context tells `on_failure` why; it is None after a cancel.
    `max_wait_s`: how long an unreachable host is waited for before the job is undone, and again before the undo is given up;
    FOR_EVER: until it is back or somebody cancels the job.
    """

    kind: str
    steps: tuple[Step, ...]
    on_success: Callable[[JobContext], None] = _nothing
    on_failure: Callable[[JobContext], None] = _nothing
    max_wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Registration:
    """What the web process knows of a workflow without importing it."""

    path: str
    can_cancel: bool = True
    can_cancel_queued: bool = False
    can_retry: bool = True
    has_items: bool = False
    is_counted: bool = True
    before_retry: str = ""


_registered: dict[str, Registration] = {}


def register_workflow(
    kind: str,
    path: str,
    *,
    can_cancel: bool = True,
    can_cancel_queued: bool = False,
    can_retry: bool = True,
    has_items: bool = False,
    is_counted: bool = True,
    before_retry: str = "",
) -> None:
    """Not `can_cancel`, but `can_cancel_queued`: only while it waits for a worker or for its host.

    `can_retry`: a failed job may be started again with the same args (its `on_failure` left the rows it needs). `has_items`: JobItems.
    `is_counted` False: it only waits for its children, and is none of the tenant's running jobs. `before_retry`: dotted path of
    `(actor, failed_job) -> None`, called in the transaction of the retry: reserves again what the failure gave back, or refuses.
    """
    _registered[kind] = Registration(path, can_cancel, can_cancel_queued, can_retry, has_items, is_counted, before_retry)


def registration_of(kind: str) -> Registration:
    return _registered.get(kind, Registration("", can_cancel=False, can_retry=False))


def uncounted_kinds() -> list[str]:
    return sorted(kind for kind, registration in _registered.items() if not registration.is_counted)


def workflow_kinds() -> list[str]:
    return sorted(_registered)


_host_checks: list[str] = []


def register_host_check(path: str) -> None:
    """Dotted path of `is_up(host_id) -> bool`: the app that knows hosts says whether one answers its watcher."""
    _host_checks.append(path)


def is_host_up(host_id: UUID) -> bool:
    """True too when nobody knows."""
    return all(import_string(path)(host_id) for path in _host_checks)


def workflow_for(kind: str) -> Workflow:
    """Imports the steps: worker and tests only."""
    path = _registered[kind].path
    workflow = import_string(path)
    if not isinstance(workflow, Workflow):
        raise TypeError(f"{path} is not a Workflow")
    return workflow
