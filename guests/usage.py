"""What a tenant's guests count against its quota. A row counts from the moment it is written: it is its own reservation."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Sum

from guests.models import Guest


def guest_usage(tenant_id: UUID) -> dict[str, int]:
    rows = Guest.objects.filter(tenant_id=tenant_id).order_by()
    used = rows.aggregate(guests=Count("pk"), vcpus=Sum("vcpus"), memory_mib=Sum("memory_mib"), disk_gib=Sum("disk_gib"))
    return {resource: amount or 0 for resource, amount in used.items()}
