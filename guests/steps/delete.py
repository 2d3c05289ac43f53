"""Steps that remove a guest from its host. What is gone already is fine: somebody may have been there with virsh."""

from __future__ import annotations

from guests.models import Guest
from guests.steps.common import guest_if_there, host_of, seeds_of
from guests.steps.create import delete_volume
from hypervisor.observed import PowerState
from jobs.workflow import JobContext
from storage.models import Volume


def stop(context: JobContext) -> None:
    guest = guest_if_there(context)
    if guest is None:
        return
    host = host_of(context, guest)
    seen = host.guest_state(guest.uuid)
    if seen is not None and seen.power_state is not PowerState.SHUTOFF:
        host.force_off_guest(guest.uuid)


def undefine(context: JobContext) -> None:
    """With NVRAM, saved state and snapshot records."""
    guest = guest_if_there(context)
    if guest is not None:
        host_of(context, guest).undefine_guest(guest.uuid)


def delete_files(context: JobContext) -> None:
    """The seed always; disks when asked. Never a file that has no Volume row of ours, nor one another disk stands on."""
    guest = guest_if_there(context)
    if guest is None:
        return
    host = host_of(context, guest)
    volumes = _volumes_to_delete(guest, delete_disks=context.args["delete_disks"])
    for number, volume in enumerate(volumes):
        context.progress(number / len(volumes))
        Volume.objects.filter(pk=volume.pk).update(state=Volume.State.DELETING)
        delete_volume(context, host, volume.pool, volume.name)


def _volumes_to_delete(guest: Guest, *, delete_disks: bool) -> list[Volume]:
    if not delete_disks:
        return seeds_of(guest)
    disks = Volume.objects.select_related("pool").filter(guest_disks__guest=guest, purpose=Volume.Purpose.DISK, overlays__isnull=True)
    return [*seeds_of(guest), *disks]
