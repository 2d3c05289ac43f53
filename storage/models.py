"""Pools and volumes of hosts, and the catalogue of images. Every file we make is owned by exactly one Volume row."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from hosts.models import Host
from tenants.models import Tenant
from tenants.querysets import SharedOrTenantQuerySet, SystemQuerySet, TenantQuerySet


class Pool(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="pools")
    name = models.CharField(max_length=63)
    uuid = models.UUIDField(null=True)
    type = models.CharField(max_length=16, blank=True)
    path = models.CharField(max_length=300, blank=True)
    is_active = models.BooleanField(default=False)
    is_missing = models.BooleanField(default=False)
    autostart = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    capacity_bytes = models.BigIntegerField(default=0)
    allocation_bytes = models.BigIntegerField(default=0)
    available_bytes = models.BigIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    observed_at = models.DateTimeField(null=True)

    objects: ClassVar[SystemQuerySet[Pool]] = SystemQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["host", "name"], name="one_pool_per_host_and_name")]

    def __str__(self) -> str:
        return self.name


class Image(models.Model):
    """What guests are made from. `file_name` is below the images folder of the data dir; no tenant: public."""

    class Kind(models.TextChoices):
        DISK = "disk", "disk image"
        CLOUD = "cloud", "cloud image"
        ISO = "iso", "ISO"

    class State(models.TextChoices):
        BUILDING = "building", "building"
        READY = "ready", "ready"
        FAILED = "failed", "failed"
        DELETING = "deleting", "deleting"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.PROTECT, related_name="images")
    name = models.CharField(max_length=63)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    os = models.CharField(max_length=40, blank=True)
    """osinfo-db short id, such as debian12."""
    description = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.BUILDING)
    state_reason = models.CharField(max_length=500, blank=True)
    recipe = models.CharField(max_length=40, blank=True)
    file_name = models.CharField(max_length=200, blank=True)
    format = models.CharField(max_length=8, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    virtual_size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    min_memory_mib = models.PositiveIntegerField(default=0)
    has_cloud_init = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[SharedOrTenantQuerySet[Image]] = SharedOrTenantQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="one_image_per_tenant_and_name"),
            models.UniqueConstraint(fields=["name"], condition=Q(tenant__isnull=True), name="one_public_image_per_name"),
        ]
        # The orders of its list, and the few made from a recipe.
        indexes = [
            models.Index(fields=["name", "id"], name="image_by_name"),
            models.Index(fields=["created_at", "id"], name="image_by_age"),
            models.Index(fields=["size_bytes", "id"], name="image_by_size"),
            models.Index(fields=["recipe", "state"], name="image_of_recipe"),
        ]

    def __str__(self) -> str:
        return self.name


class Volume(models.Model):
    """One file (or block device) in a pool. Written before the file is made, removed after the file is gone."""

    class Purpose(models.TextChoices):
        DISK = "disk", "guest disk"
        BASE = "base", "image base"
        SEED = "seed", "cloud-init seed"
        ISO = "iso", "ISO"

    class State(models.TextChoices):
        CREATING = "creating", "creating"
        READY = "ready", "ready"
        DELETING = "deleting", "deleting"
        MISSING = "missing", "missing"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="volumes")
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.PROTECT, related_name="volumes")
    name = models.CharField(max_length=100)
    path = models.CharField(max_length=400, blank=True)
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.CREATING)
    format = models.CharField(max_length=8)
    capacity_bytes = models.BigIntegerField(default=0)
    allocation_bytes = models.BigIntegerField(default=0)
    backing = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="overlays")
    image = models.ForeignKey(Image, null=True, blank=True, on_delete=models.PROTECT, related_name="volumes")
    maker_job_id = models.UUIDField(null=True)
    """The job that is filling it: others that need the same image base wait for that one."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[TenantQuerySet[Volume]] = TenantQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "name"], name="one_volume_per_pool_and_name"),
            models.UniqueConstraint(fields=["pool", "image"], condition=Q(purpose="base"), name="one_base_per_pool_and_image"),
        ]
        indexes = [
            models.Index(fields=["name", "id"], name="volume_by_name"),
            models.Index(fields=["created_at", "id"], name="volume_by_age"),
            models.Index(fields=["capacity_bytes", "id"], name="volume_by_size"),
        ]

    def __str__(self) -> str:
        return self.name
