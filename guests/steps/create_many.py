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
    states = Job.objects.filter(parent_id=context.job_id).order_by().values_list("state").annotate(n=Count("pk"))
    by_state = dict(states)
    over = sum(by_state.get(state, 0) for state in (*TERMINAL_STATES, JobState.NEEDS_ATTENTION))
    context.progress(over / total)
    if over < total:
        raise NotYet(LOOK_AGAIN_S)
    made = by_state.get(JobState.SUCCEEDED, 0)
    if made < total:
        failed = Job.objects.filter(parent_id=context.job_id).exclude(state=JobState.SUCCEEDED).order_by("target_name")
        names = ", ".join(failed.values_list("target_name", flat=True)[:10])
        raise Conflict(f"{made} of {total} guests were made. Not made: {names}.", hint="Each guest's own job says why.")
    context.finish_with(f"All {total} guests were made.")
