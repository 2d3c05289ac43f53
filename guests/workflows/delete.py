"""guest.delete. Nothing is undone: what is deleted is deleted, and a retry goes on from there."""

from __future__ import annotations

from guests.live import touch
from guests.removal import remove_guest
from guests.steps import delete
from jobs.workflow import FOR_EVER, JobContext, Step, Workflow


def _forget(context: JobContext) -> None:
    remove_guest(context.args["guest_id"], keep_disks=not context.args["delete_disks"])


def _keep(context: JobContext) -> None:
    touch(context.args["guest_id"])


DELETE_GUEST = Workflow(
    "guest.delete",
    (
        Step("stop", "Force it off", delete.stop),
        Step("undefine", "Remove its definition", delete.undefine),
        Step("delete_files", "Delete its files", delete.delete_files, weight=2),
    ),
    on_success=_forget,
    on_failure=_keep,
    # Whoever wants it gone wants it gone when its host is back, too. Until then the job can be cancelled.
    max_wait_s=FOR_EVER,
)
