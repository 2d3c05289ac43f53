"""Virtual machines: who owns them and what was wanted (ours), what runs (libvirt's, as last observed by the watcher)."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from hosts.models import Host
from kvmweb.fields import EncryptedTextField
from networks.models import Network
from storage.models import Image, Volume
from tenants.models import Tenant
from tenants.querysets import TenantQuerySet


class GuestState(models.TextChoices):
    """libvirt's power states, plus `creating` before the first definition."""

    CREATING = "creating", "creating"
    RUNNING = "running", "running"
    PAUSED = "paused", "paused"
    SHUTTING_DOWN = "shutting_down", "shutting down"
    SHUTOFF = "shutoff", "shutoff"
    CRASHED = "crashed", "crashed"
    SUSPENDED = "suspended", "suspended"


class Guest(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    """The domain's uuid: chosen by us, or the adopted domain's."""
    name = models.CharField(max_length=63)
    domain_name = models.CharField(max_length=100)
    """libvirt's name: <slug>-<8 hex of the uuid>."""
    description = models.TextField(blank=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="guests")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="guests")
    image = models.ForeignKey(Image, null=True, blank=True, on_delete=models.SET_NULL, related_name="guests")
    os = models.CharField(max_length=40, blank=True)
    firmware = models.CharField(max_length=16, default="bios")
    vcpus = models.PositiveIntegerField()
    memory_mib = models.PositiveIntegerField()
    disk_gib = models.PositiveIntegerField(default=0)
    """Sum of the guest's disks, virtual size rounded up: what the quota counts."""
    tags = models.JSONField(default=list, blank=True)
    is_protected = models.BooleanField(default=False)
    is_template = models.BooleanField(default=False)
    autostart = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    desired_state = models.CharField(max_length=16, default="shutoff")
    created_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # observed
    state = models.CharField(max_length=16, choices=GuestState.choices, default=GuestState.CREATING)
    state_since = models.DateTimeField(null=True)
    is_missing = models.BooleanField(default=False)
    observed_at = models.DateTimeField(null=True)
    definition_digest = models.CharField(max_length=64, blank=True)
    acceleration = models.CharField(max_length=8, blank=True)
    has_agent = models.BooleanField(default=False)
    has_display = models.BooleanField(default=True)
    has_serial = models.BooleanField(default=True)
    addresses = models.JSONField(default=list, blank=True)
    primary_address = models.CharField(max_length=64, blank=True)
    cpu_percent = models.FloatField(null=True)
    memory_used_mib = models.PositiveIntegerField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantQuerySet[Guest]] = TenantQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="one_guest_per_tenant_and_name"),
            models.UniqueConstraint(fields=["host", "uuid"], name="one_guest_per_host_and_uuid"),
        ]
        indexes = [
            models.Index(fields=["name", "id"], name="guest_by_name"),
            # All that the summary counts by: it is on every page.
            models.Index(fields=["state", "is_missing", "host"], name="guest_summary"),
            models.Index(fields=["tenant", "state", "is_missing", "host"], name="guest_summary_of_tenant"),
            models.Index(fields=["state", "name", "id"], name="guest_by_state"),
            models.Index(fields=["state", "id"], name="guest_sorted_by_state"),
            # All that is summed for a host.
            models.Index(fields=["host", "is_missing", "state", "vcpus", "memory_mib"], name="guest_allocation_of_host"),
            models.Index(fields=["created_at", "id"], name="guest_by_age"),
            models.Index(fields=["memory_mib", "id"], name="guest_by_memory"),
            models.Index(fields=["vcpus", "id"], name="guest_by_vcpus"),
            models.Index(fields=["tenant", "name", "id"], name="guest_of_tenant_by_name"),
            models.Index(fields=["id"], name="guest_missing", condition=models.Q(is_missing=True)),
        ]

    def __str__(self) -> str:
        return self.name


class GuestDisk(models.Model):
    """One disk or CD-ROM. `volume` is empty for a disk of an adopted guest that we do not own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    guest = models.ForeignKey(Guest, on_delete=models.CASCADE, related_name="disks")
    volume = models.ForeignKey(Volume, null=True, blank=True, on_delete=models.PROTECT, related_name="guest_disks")
    target = models.CharField(max_length=8)
    bus = models.CharField(max_length=8, default="virtio")
    device = models.CharField(max_length=8, default="disk")
    path = models.CharField(max_length=400, blank=True)
    boot_order = models.PositiveSmallIntegerField(null=True)

    class Meta:
        ordering = ["target"]
        constraints = [models.UniqueConstraint(fields=["guest", "target"], name="one_disk_per_guest_and_target")]

    def __str__(self) -> str:
        return self.target


class GuestNic(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    guest = models.ForeignKey(Guest, on_delete=models.CASCADE, related_name="nics")
    network = models.ForeignKey(Network, null=True, blank=True, on_delete=models.PROTECT, related_name="nics")
    position = models.PositiveSmallIntegerField(default=0)
    mac = models.CharField(max_length=17)
    model = models.CharField(max_length=16, default="virtio")
    source = models.CharField(max_length=64, blank=True)
    """Network or bridge name as observed, for NICs that are not on a network of ours."""

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["guest", "mac"], name="one_nic_per_guest_and_mac")]

    def __str__(self) -> str:
        return self.mac


class CloudInit(models.Model):
    """Login data for the first boot: encrypted, returned by no API, removed with the seed after the first boot."""

    guest = models.OneToOneField(Guest, on_delete=models.CASCADE, related_name="cloud_init")
    hostname = models.CharField(max_length=63)
    user_data = EncryptedTextField()
    created_at = models.DateTimeField(auto_now_add=True)
    first_seen_running_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"cloud-init of {self.guest_id}"
