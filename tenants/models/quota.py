"""What tenants may use, who changed that and who asked for more. What they do use is summed from the rows themselves: `tenants.quota`."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from tenants.models.tenant import Tenant
from tenants.models.user import User

RESOURCES = ("guests", "vcpus", "memory_mib", "disk_gib", "snapshots", "image_gib", "running_jobs")


class LimitColumns(models.Model):
    """Empty: no limit."""

    guests = models.PositiveIntegerField(null=True, blank=True)
    vcpus = models.PositiveIntegerField(null=True, blank=True)
    memory_mib = models.PositiveIntegerField(null=True, blank=True)
    disk_gib = models.PositiveIntegerField(null=True, blank=True)
    snapshots = models.PositiveIntegerField(null=True, blank=True)
    image_gib = models.PositiveIntegerField(null=True, blank=True)
    running_jobs = models.PositiveIntegerField(null=True, blank=True)

    RESOURCES = RESOURCES

    class Meta:
        abstract = True


class Quota(LimitColumns):
    """Limits of one tenant. A resource named in `follows_default` has the installation's limit, its own column means nothing.

    A tenant without a row follows every default.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="quota")
    follows_default = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"quota of {self.tenant}"


class QuotaDefault(LimitColumns):
    """The installation's limits for tenants that have none of their own. At most one row; without it there is no limit."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_quota_default")]
        verbose_name = "default quota"

    def __str__(self) -> str:
        return "default quota"


class QuotaRequestState(models.TextChoices):
    OPEN = "open", "open"
    APPROVED = "approved", "approved"
    DECLINED = "declined", "declined"
    CANCELLED = "cancelled", "cancelled"


class QuotaRequest(LimitColumns):
    """A tenant asks for larger limits. An empty column is not asked about."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="quota_requests")
    state = models.CharField(max_length=16, choices=QuotaRequestState.choices, default=QuotaRequestState.OPEN)
    reason = models.TextField()
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)
    decided_by_label = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    """What the admin said to it."""

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["tenant"], condition=Q(state="open"), name="one_open_quota_request_per_tenant")]
        indexes = [models.Index(fields=["state", "-created_at", "-id"], name="quota_request_by_state")]

    def __str__(self) -> str:
        return f"quota request of {self.tenant}"

    @property
    def wanted(self) -> dict[str, int]:
        return {name: amount for name in RESOURCES if (amount := getattr(self, name)) is not None}


class QuotaChange(models.Model):
    """One change of limits: who, when, old and new, why. Written by the services only, never updated. No tenant: the defaults."""

    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.CASCADE, related_name="quota_changes")
    at = models.DateTimeField(auto_now_add=True)
    actor_label = models.CharField(max_length=200)
    actor_user_id = models.UUIDField(null=True)
    before = models.JSONField()
    """Resource -> number, null for no limit, or "default"; only what changed, as in `after`."""
    after = models.JSONField()
    reason = models.TextField(blank=True)
    request = models.ForeignKey(QuotaRequest, null=True, on_delete=models.SET_NULL, related_name="changes")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["tenant", "-id"], name="quota_change_of_tenant")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_label}"


class TenantQuota(Tenant):
    """Every tenant, as the admin's list of quotas sees it: with or without limits of its own."""

    class Meta:
        proxy = True
        verbose_name = "quota"
