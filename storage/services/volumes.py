"""Deleting disks that belong to no guest any more."""

from __future__ import annotations

from jobs.models import Job
from jobs.services import submit
from kvmweb.errors import Conflict
from storage.models import Volume
from tenants.actor import Actor
from tenants.gate import operation


def why_not_delete(volume: Volume) -> str:
    """Empty when the volume may go; else the sentence for the 409 and for the disabled button."""
    users = [disk.guest.name for disk in volume.guest_disks.all()]
    if users:
        return f"It is a disk of guest {', '.join(users)}. Delete that guest with its disks, or detach it first."
    if volume.purpose in (Volume.Purpose.BASE, Volume.Purpose.ISO):
        return "It belongs to an image. Delete the image instead."
    if volume.overlays.exists():
        return "Other disks stand on it."
    return ""


def delete_again(actor: Actor, job: Job) -> None:
    """Before the retry of a delete that failed: the disk was there meanwhile, and may be in use. Raises Conflict."""
    row = Volume.objects.select_for_update().filter(pk=job.args.get("volume_id"), tenant=job.tenant).first()
    if row is None:
        raise Conflict("The disk is gone.", hint="There is nothing left to delete.")
    _refuse_in_use(row)
    Volume.objects.filter(pk=row.pk).update(state=Volume.State.DELETING)


def _refuse_in_use(row: Volume) -> None:
    reason = why_not_delete(row)
    if reason:
        raise Conflict(f"Volume {row.name} cannot be deleted. {reason}")


@operation("volume.delete")
def delete_volume(actor: Actor, volume: Volume) -> Job:
    row = Volume.objects.select_for_update().get(pk=volume.pk)
    _refuse_in_use(row)
    job = submit(
        actor,
        kind="volume.delete",
        title=f"Delete disk {row.name}",
        target=row,
        tenant=row.tenant,
        host_id=row.pool.host_id,
        exclusive_key=f"volume:{row.pk}",
        args={"volume_id": str(row.pk)},
    )
    Volume.objects.filter(pk=row.pk).update(state=Volume.State.DELETING)
    return job
