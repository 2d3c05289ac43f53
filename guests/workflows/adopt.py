"""guest.adopt. When the definition cannot be read the row goes again, and the watcher lists the domain as unmanaged as before."""

from __future__ import annotations

from guests.live import touch
from guests.models import GuestDisk
from guests.removal import remove_guest
from guests.steps import adopt
from jobs.workflow import JobContext, Step, Workflow
from storage.models import Volume


def _settle(context: JobContext) -> None:
    touch(context.args["guest_id"])


def _give_back(context: JobContext) -> None:
    """The volumes' rows too: the files were never ours."""
    guest_id = context.args["guest_id"]
    volumes = list(Volume.objects.filter(guest_disks__guest=guest_id).values_list("pk", flat=True))
    GuestDisk.objects.filter(guest=guest_id).delete()
    Volume.objects.filter(pk__in=volumes, overlays__isnull=True).delete()
    remove_guest(guest_id)


ADOPT_GUEST = Workflow(
    "guest.adopt",
    (Step("read_definition", "Read its definition", adopt.read_definition),),
    on_success=_settle,
    on_failure=_give_back,
)
