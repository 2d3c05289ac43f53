"""What a tenant's images, and disks that belong to no guest any more, count against its quota."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Sum

from storage.models import Image, Volume

GIB = 1024**3


def storage_usage(tenant_id: UUID) -> dict[str, int]:
    images = Image.objects.filter(tenant_id=tenant_id).order_by().values_list("size_bytes", flat=True)
    detached = Volume.objects.filter(tenant_id=tenant_id, purpose=Volume.Purpose.DISK, guest_disks__isnull=True).order_by()
    detached_bytes = detached.aggregate(total=Sum("capacity_bytes"))["total"] or 0
    return {"image_gib": sum(-(-size // GIB) for size in images), "disk_gib": -(-detached_bytes // GIB)}
