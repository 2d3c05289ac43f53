"""Taking the seed out of the guest's drive and deleting it. Deleting the file at once, running guest or not, is the point."""

from __future__ import annotations

from guests.models import CloudInit, Guest, GuestDisk
from guests.plan import SEED_TARGET
from guests.steps.common import guest_if_there, host_of, seeds_of
from guests.steps.create import delete_volume
from hypervisor.errors import NotFoundOnHost, Unsupported
from jobs.workflow import JobContext
from storage.models import Volume


def eject(context: JobContext) -> None:
    guest = guest_if_there(context)
    if guest is None:
        return
    try:
        host_of(context, guest).eject_media(guest.uuid, SEED_TARGET)
    except (NotFoundOnHost, Unsupported):
        # No guest or no drive: nothing holds the file. The test driver cannot change a running guest, and has no files.
        context.log("There was nothing to eject.")  # not in the host's own words: tenants read this log


def delete_file(context: JobContext) -> None:
    guest = guest_if_there(context)
    if guest is None:
        return
    for volume in seeds_of(guest):
        delete_volume(context, host_of(context, guest), volume.pool, volume.name)


def forget_rows(guest_id: str) -> None:
    """Database only."""
    guest = Guest.objects.filter(pk=guest_id).first()
    if guest is None:
        return
    seeds = [volume.pk for volume in seeds_of(guest)]
    GuestDisk.objects.filter(volume__in=seeds).update(volume=None, path="")
    Volume.objects.filter(pk__in=seeds).delete()
    CloudInit.objects.filter(guest=guest).delete()
