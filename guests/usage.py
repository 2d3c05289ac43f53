"""What tenants' guests count against their quota. A row counts from the moment it is written: it is its own reservation."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Count, Sum

from guests.models import Guest

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
