"""What tenants' guests count against their quota. A row counts from the moment it is written: it is its own reservation."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from uuid import UUID

from django.db.models import Count, Sum

from guests.models import Guest, GuestState
from guests.plan import gib_for
from jobs.selectors import active_jobs_for
from storage.models import Volume
from tenants.quota.checking import Recount

Usage = dict[UUID, dict[str, int]]


def guest_usage(tenant_ids: Collection[UUID] | None) -> Usage:
    rows = Guest.objects.order_by() if tenant_ids is None else Guest.objects.filter(tenant_id__in=tenant_ids).order_by()
    sums = rows.values("tenant_id").annotate(
        n=Count("pk"), sum_vcpus=Sum("vcpus"), sum_memory_mib=Sum("memory_mib"), sum_disk_gib=Sum("disk_gib")
    )
    return {
        row["tenant_id"]: {
            "guests": row["n"],
            "vcpus": row["sum_vcpus"],
            "memory_mib": row["sum_memory_mib"],
            "disk_gib": row["sum_disk_gib"],
        }
        for row in sums
    }


def recount_guests(tenant_id: UUID) -> Recount:
    """For `manage.py check_quotas`."""
    guests = list(Guest.objects.filter(tenant_id=tenant_id).prefetch_related("disks__volume").order_by("name"))
    return Recount(
        {
            "guests": len(guests),
            "vcpus": sum(guest.vcpus for guest in guests),
            "memory_mib": sum(guest.memory_mib for guest in guests),
            "disk_gib": sum(guest.disk_gib for guest in guests),
        },
        [*_wrong_disks(guests), *_abandoned(guests)],
    )


def _wrong_disks(guests: list[Guest]) -> Iterator[str]:
    for guest in guests:
        volumes = [disk.volume for disk in guest.disks.all() if disk.volume is not None and disk.volume.purpose == Volume.Purpose.DISK]
        disk_gib = sum(gib_for(volume.capacity_bytes) for volume in volumes)
        if disk_gib != guest.disk_gib:
            yield f"guest {guest.name} counts {guest.disk_gib} GiB of disk and has {disk_gib}."


def _abandoned(guests: list[Guest]) -> Iterator[str]:
    creating = [guest for guest in guests if guest.state == GuestState.CREATING]
    held = active_jobs_for([guest.pk for guest in creating])
    for guest in creating:
        if guest.pk not in held:
            yield f"guest {guest.name} is being created and no job works on it."
