"""guest.create: from rows to a running guest. Undone completely, rows included, when it fails or is cancelled."""

from __future__ import annotations

from guests.inventory import settle_created
from guests.live import touch
from guests.removal import remove_guest
from guests.steps import create, create_many
from jobs.workflow import JobContext, Step, Workflow


def _announce(context: JobContext) -> None:
    if not context.args["start"]:
        settle_created(context.args["guest_id"])
    touch(context.args["guest_id"])


def _forget(context: JobContext) -> None:
    remove_guest(context.args["guest_id"])


CREATE_GUEST = Workflow(
    "guest.create",
    (
        Step("ensure_base", "Copy the image to the host", create.ensure_base, create.drop_cut_base, create.has_base, weight=6),
        Step("create_disk", "Make the disk", create.create_disk, create.delete_disk, weight=2),
        Step("create_seed", "Write the login data", create.create_seed, create.delete_seed),
        Step("define", "Define the guest", create.define, create.undefine),
        Step("start", "Start the guest", create.start, create.undefine),
    ),
    on_success=_announce,
    on_failure=_forget,
)

CREATE_GUESTS = Workflow(
    "guest.create_many", (Step("wait_for_all", "Create the guests", create_many.wait_for_all, create_many.wait_for_undos),)
)
