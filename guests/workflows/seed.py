"""guest.forget_seed: after the first boot."""

from __future__ import annotations

from guests.live import touch
from guests.steps import seed
from jobs.workflow import JobContext, Step, Workflow


def _forget(context: JobContext) -> None:
    seed.forget_rows(context.args["guest_id"])
    touch(context.args["guest_id"])


def _settle(context: JobContext) -> None:
    touch(context.args["guest_id"])


FORGET_SEED = Workflow(
    "guest.forget_seed",
    (Step("eject", "Take the seed out of the drive", seed.eject), Step("delete_file", "Delete the seed", seed.delete_file)),
    on_success=_forget,
    on_failure=_settle,
)
