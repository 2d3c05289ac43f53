"""What a tenant may use. What it does use is summed from the rows themselves: see `tenants.quota`."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant import Tenant


class Quota(models.Model):
    """Limits of one tenant. Empty: no limit."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="quota")
    guests = models.PositiveIntegerField(null=True, blank=True)
    vcpus = models.PositiveIntegerField(null=True, blank=True)
    memory_mib = models.PositiveIntegerField(null=True, blank=True)
    disk_gib = models.PositiveIntegerField(null=True, blank=True)
    snapshots = models.PositiveIntegerField(null=True, blank=True)
    image_gib = models.PositiveIntegerField(null=True, blank=True)
    running_jobs = models.PositiveIntegerField(null=True, blank=True)

    RESOURCES = ("guests", "vcpus", "memory_mib", "disk_gib", "snapshots", "image_gib", "running_jobs")

    def __str__(self) -> str:
        return f"quota of {self.tenant}"
