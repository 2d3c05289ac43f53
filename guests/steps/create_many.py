"""The job over several creates: it holds no worker, only counts. Each guest's own job has its result, its error and its undo."""

from __future__ import annotations

from django.db.models import Count

from jobs.models import TERMINAL_STATES, Job, JobState
from jobs.workflow import JobContext, NotYet
from kvmweb.errors import Conflict

LOOK_AGAIN_S = 1.0


def wait_for_all(context: JobContext) -> None:
    """Ends when every child has; fails when one did, naming them."""
    total = context.args["count"]
    by_state = _children_by_state(context)
    over = _over(by_state)
    context.progress(over / total)
    if over < total:
        raise NotYet(LOOK_AGAIN_S)
    made = by_state.get(JobState.SUCCEEDED, 0)
    if made < total:
        failed = Job.objects.filter(parent_id=context.job_id).exclude(state=JobState.SUCCEEDED).order_by("target_name")
        names = ", ".join(failed.values_list("target_name", flat=True)[:10])
        raise Conflict(f"{made} of {total} guests were made. Not made: {names}.", hint="Each guest's own job says why.")
    context.finish_with(f"All {total} guests were made.")


def wait_for_undos(context: JobContext) -> None:
    """Cancelled: its children were, too. What was made before then stays."""
    if context.error is not None:
        return  # not cancelled, but over: some were not made
    by_state = _children_by_state(context)
    if _over(by_state) < sum(by_state.values()):
        raise NotYet(LOOK_AGAIN_S)
    made = by_state.get(JobState.SUCCEEDED, 0)
    context.log(
        f"{made} of {context.args['count']} guests had been made before it was cancelled, and stay." if made else "No guest was made."
    )


def _children_by_state(context: JobContext) -> dict[str, int]:
    return dict(Job.objects.filter(parent_id=context.job_id).order_by().values_list("state").annotate(n=Count("pk")))


def _over(by_state: dict[str, int]) -> int:
    return sum(by_state.get(state, 0) for state in (*TERMINAL_STATES, JobState.NEEDS_ATTENTION))
