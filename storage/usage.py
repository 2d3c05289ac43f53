"""What tenants' images, and disks that belong to no guest any more, count against their quota: whole GiB of virtual size each."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import F, QuerySet, Sum

from storage.models import Image, Volume

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


def _whole_gib(rows: QuerySet, tenant_ids: Collection[UUID] | None, *, column: str, resource: str) -> Usage:
    if tenant_ids is not None:
        rows = rows.filter(tenant_id__in=tenant_ids)
    # Integer division rounds down on both databases.
    sums = rows.order_by().values("tenant_id").annotate(gib=Sum((F(column) + (GIB - 1)) / GIB))
    return {row["tenant_id"]: {resource: row["gib"]} for row in sums}
