"""Reading the definition of an adopted guest into rows, through the watcher's own code, and owning the disks that lie in known pools."""

from __future__ import annotations

import posixpath
from uuid import UUID

from django.db import transaction

from guests.inventory import apply_definition
from guests.models import Guest
from guests.plan import gib_for
from guests.steps.common import guest_of, host_of, write_state
from hypervisor.observed import ObservedDisk, ObservedGuest
from hypervisor.port import Host as OpenHost
from jobs.workflow import JobContext
from kvmweb.errors import Conflict
from storage.models import Pool, Volume
from tenants.quota import reserve


def read_definition(context: JobContext) -> None:
    guest = guest_of(context)
    host = host_of(context, guest)
    seen = host.guest(guest.uuid)
    if seen is None:
        raise Conflict(f'Guest "{guest.name}" is not on the host any more.', hint="Look at the host's unmanaged guests again.")
    volumes = [volume for disk in seen.disks if (volume := _volume_for(host, guest, disk)) is not None]
    with transaction.atomic():
        new = [volume for volume in volumes if not Volume.objects.filter(pool=volume.pool, name=volume.name).exists()]
        _reserve(guest.pk, seen, new)
        for volume in new:
            volume.save()
        # The digest tells the watcher's code to read the disks although it may have seen this definition.
        Guest.objects.filter(pk=guest.pk).update(definition_digest="")
        apply_definition(guest.pk, seen)
        owned = Volume.objects.filter(guest_disks__guest=guest, purpose=Volume.Purpose.DISK).values_list("capacity_bytes", flat=True)
        Guest.objects.filter(pk=guest.pk).update(disk_gib=sum(gib_for(size) for size in owned))
    write_state(host, guest)


def _reserve(guest_id: UUID, seen: ObservedGuest, volumes: list[Volume]) -> None:
    """What the definition has beyond what was known when the guest was adopted. Raises QuotaExceeded: the guest is then given back."""
    row = Guest.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=guest_id)
    disk_gib = sum(gib_for(volume.capacity_bytes) for volume in volumes)
    reserve(row.tenant, vcpus=seen.vcpus - row.vcpus, memory_mib=seen.memory_mib - row.memory_mib, disk_gib=disk_gib)


def _volume_for(host: OpenHost, guest: Guest, disk: ObservedDisk) -> Volume | None:
    """A row for a writable disk directly in a pool we know; other files are the administrator's and stay so."""
    if disk.device != "disk" or disk.is_read_only or not disk.path:
        return None
    folder, name = posixpath.split(disk.path)
    pool = Pool.objects.filter(host=guest.host, path=folder, is_missing=False).first()
    seen = host.volume(pool.name, name) if pool is not None else None
    if pool is None or seen is None or len(name) > 100:
        return None
    return Volume(
        pool=pool,
        tenant=guest.tenant,
        name=name,
        path=disk.path,
        purpose=Volume.Purpose.DISK,
        state=Volume.State.READY,
        format=seen.format[:8],
        capacity_bytes=seen.capacity_bytes,
        allocation_bytes=seen.allocation_bytes,
    )
