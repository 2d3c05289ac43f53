"""Hypervisor machines, as configured by operators and as last observed by the watcher."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from hypervisor.specs import HostAddress
from tenants.querysets import SystemQuerySet


class HostState(models.TextChoices):
    CONNECTING = "connecting", "connecting"
    UP = "up", "up"
    UNREACHABLE = "unreachable", "unreachable"
    DISABLED = "disabled", "disabled"


class Host(models.Model):
    class Kind(models.TextChoices):
        LOCAL = "local", "this machine"
        UNIX = "unix", "libvirt socket"
        TEST = "test", "test driver"

    class Acceleration(models.TextChoices):
        AUTO = "auto", "automatic"
        KVM = "kvm", "KVM"
        QEMU = "qemu", "software emulation"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=63, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    socket_path = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    is_enabled = models.BooleanField(default=True)
    acceleration_choice = models.CharField(max_length=8, choices=Acceleration.choices, default=Acceleration.AUTO)
    cpu_overcommit = models.FloatField(default=4.0)
    memory_overcommit = models.FloatField(default=1.0)
    memory_reserved_mib = models.PositiveIntegerField(default=512)

    # observed
    state = models.CharField(max_length=16, choices=HostState.choices, default=HostState.CONNECTING)
    state_since = models.DateTimeField(auto_now_add=True)
    state_reason = models.CharField(max_length=500, blank=True)
    observed_at = models.DateTimeField(null=True)
    hostname = models.CharField(max_length=200, blank=True)
    host_uuid = models.CharField(max_length=64, blank=True)
    driver = models.CharField(max_length=16, blank=True)
    libvirt_version = models.CharField(max_length=32, blank=True)
    hypervisor_version = models.CharField(max_length=32, blank=True)
    architecture = models.CharField(max_length=16, blank=True)
    cpu_model = models.CharField(max_length=100, blank=True)
    cpus = models.PositiveIntegerField(default=0)
    cpu_sockets = models.PositiveIntegerField(default=0)
    cpu_cores = models.PositiveIntegerField(default=0)
    cpu_threads = models.PositiveIntegerField(default=0)
    cpu_mhz = models.PositiveIntegerField(default=0)
    numa_nodes = models.PositiveIntegerField(default=0)
    memory_mib = models.PositiveIntegerField(default=0)
    memory_free_mib = models.PositiveIntegerField(default=0)
    cpu_percent = models.FloatField(null=True)
    acceleration = models.CharField(max_length=8, blank=True)
    """What new guests get: kvm or qemu (software emulation: slow)."""
    acceleration_reason = models.CharField(max_length=300, blank=True)
    machines = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[SystemQuerySet[Host]] = SystemQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["name"]
        indexes = [
            models.Index(fields=["state", "name"], name="host_by_state"),
            models.Index(fields=["created_at", "id"], name="host_by_age"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def hypervisor_address(self) -> HostAddress:
        return HostAddress(kind=self.kind, socket_path=self.socket_path)  # type: ignore[arg-type]

    @property
    def guest_acceleration(self) -> str:
        """kvm or qemu: the operator's choice, else what was observed to work."""
        return self.acceleration if self.acceleration_choice == self.Acceleration.AUTO else self.acceleration_choice


class UnmanagedGuest(models.Model):
    """A domain on a host that no guest row owns: listed, can be adopted, never silently owned."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="unmanaged_guests")
    uuid = models.UUIDField()
    name = models.CharField(max_length=255)
    state = models.CharField(max_length=16)
    vcpus = models.PositiveIntegerField(default=0)
    memory_mib = models.PositiveIntegerField(default=0)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="one_unmanaged_row_per_domain")]

    def __str__(self) -> str:
        return self.name
