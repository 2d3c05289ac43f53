"""Removing a guest's rows once nothing of it is left on its host. Database only: run in the final transaction of a job."""

from __future__ import annotations

from uuid import UUID

from guests.models import Guest, GuestDisk
from guests.steps.common import seeds_of
from live import publish
from storage.models import Volume


def remove_guest(guest_id: UUID | str, *, keep_disks: bool = False) -> None:
    """`keep_disks`: their Volume rows stay with the tenant, plugged into nothing. The seed's never does. Twice is fine."""
    guest = Guest.objects.filter(pk=guest_id).first()
    if guest is None:
        return
    # A disk another disk stands on was not deleted either.
    disks = Volume.objects.filter(guest_disks__guest=guest, purpose=Volume.Purpose.DISK, overlays__isnull=True)
    gone = [seed.pk for seed in seeds_of(guest)] + ([] if keep_disks else list(disks.values_list("pk", flat=True)))
    GuestDisk.objects.filter(guest=guest).delete()
    Volume.objects.filter(pk__in=gone).delete()
    publish.removed("guest", guest.pk, tenant_id=guest.tenant_id, version=guest.version + 1)
    guest.delete()
