"""Virtual networks of hosts, as last observed, and who may use them."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from hosts.models import Host
from tenants.models import Tenant
from tenants.querysets import SharedOrTenantQuerySet


class Network(models.Model):
    """`name` is libvirt's name on the host. No tenant: shared by all."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="networks")
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.PROTECT, related_name="networks")
    name = models.CharField(max_length=63)
    uuid = models.UUIDField(null=True)
    bridge = models.CharField(max_length=32, blank=True)
    forward = models.CharField(max_length=16, blank=True)
    is_active = models.BooleanField(default=False)
    is_missing = models.BooleanField(default=False)
    autostart = models.BooleanField(default=False)
    addresses = models.JSONField(default=list, blank=True)
    is_default = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    observed_at = models.DateTimeField(null=True)

    objects: ClassVar[SharedOrTenantQuerySet[Network]] = SharedOrTenantQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["host", "name"], name="one_network_per_host_and_name")]

    def __str__(self) -> str:
        return self.name
