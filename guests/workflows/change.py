"""guest.change: the row has what grows already, and gets what shrinks at the end; when the host refuses, it gets the old values back."""

from __future__ import annotations

from guests.live import touch
from guests.steps import change
from jobs.workflow import JobContext, Step, Workflow


def _settle(context: JobContext) -> None:
    touch(context.args["guest_id"], **context.args["changes"])


def _take_back(context: JobContext) -> None:
    touch(context.args["guest_id"], **context.args["before"])


CHANGE_GUEST = Workflow(
    "guest.change",
    (Step("apply", "Write it into the definition", change.apply, change.take_back),),
    on_success=_settle,
    on_failure=_take_back,
)
