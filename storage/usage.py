"""What tenants' images, and disks that belong to no guest any more, count against their quota: whole GiB of virtual size each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet, Sum

from jobs.selectors import active_jobs_for
from storage.models import Image, Volume
from tenants.quota.checking import Recount

GIB = 1024**3
Usage = dict[UUID, dict[str, int]]


def image_usage(tenant_ids: Collection[UUID] | None) -> Usage:
    """A failed image has no file and counts nothing; its retry reserves again."""
    rows = Image.objects.filter(tenant__isnull=False).exclude(state=Image.State.FAILED)
    return _whole_gib(rows, tenant_ids, column="virtual_size_bytes", resource="image_gib")


def detached_usage(tenant_ids: Collection[UUID] | None) -> Usage:
    """Disks of guests count with their guest (`Guest.disk_gib`)."""
    rows = Volume.objects.filter(tenant__isnull=False, purpose=Volume.Purpose.DISK, guest_disks__isnull=True)
    return _whole_gib(rows, tenant_ids, column="capacity_bytes", resource="disk_gib")


def gib_of_image(virtual_size_bytes: int) -> int:
    """What an image of that size is going to count."""
    return -(-virtual_size_bytes // GIB)


def _whole_gib(rows: QuerySet[Any], tenant_ids: Collection[UUID] | None, *, column: str, resource: str) -> Usage:
    if tenant_ids is not None:
        rows = rows.filter(tenant_id__in=tenant_ids)
    # Integer division rounds down on both databases.
    sums = rows.order_by().values("tenant_id").annotate(gib=Sum((F(column) + (GIB - 1)) / GIB))
    return {row["tenant_id"]: {resource: row["gib"]} for row in sums}


def recount_storage(tenant_id: UUID) -> Recount:
    """For `manage.py check_quotas`."""
    images = [image for image in Image.objects.filter(tenant_id=tenant_id).order_by("name") if image.state != Image.State.FAILED]
    volumes = Volume.objects.filter(tenant_id=tenant_id, purpose=Volume.Purpose.DISK)
    attached = set(volumes.filter(guest_disks__isnull=False).values_list("pk", flat=True))
    making = [image for image in images if image.state == Image.State.BUILDING]
    held = active_jobs_for([image.pk for image in making])
    return Recount(
        {
            "image_gib": sum(gib_of_image(image.virtual_size_bytes) for image in images),
            "disk_gib": sum(gib_of_image(volume.capacity_bytes) for volume in volumes if volume.pk not in attached),
        },
        [f"image {image.name} is being made and no job works on it." for image in making if image.pk not in held],
    )
