"""Who uses the product: users, tenants, memberships, quotas, API tokens, and the audit trail of what they did."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from knox.models import AbstractAuthToken


class SystemRole(models.TextChoices):
    """A role over the whole installation. Tenant roles are in Membership."""

    NONE = "", "none"
    AUDITOR = "auditor", "auditor"
    OPERATOR = "operator", "operator"
    ADMIN = "admin", "admin"


class TenantRole(models.TextChoices):
    VIEWER = "viewer", "viewer"
    MEMBER = "member", "member"
    OWNER = "owner", "owner"


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    system_role = models.CharField(max_length=16, choices=SystemRole.choices, default=SystemRole.NONE, blank=True)

    class Meta(AbstractUser.Meta):
        constraints = [models.UniqueConstraint(Lower("username"), name="user_username_ci")]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.is_superuser:
            self.system_role = SystemRole.ADMIN
        super().save(*args, **kwargs)


class Tenant(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=63, unique=True)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="tenants")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=TenantRole.choices, default=TenantRole.MEMBER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_per_tenant")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.tenant}"


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


class TokenScope(models.TextChoices):
    READ = "read", "read"
    OPERATE = "operate", "operate"
    ADMIN = "admin", "admin"


class ApiToken(AbstractAuthToken):
    """A knox token (hashed at rest, shown once) with a scope and, optionally, one tenant."""

    name = models.CharField(max_length=80)
    scope = models.CharField(max_length=16, choices=TokenScope.choices, default=TokenScope.READ)
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.CASCADE)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class AuditEntry(models.Model):
    """One change, or one refusal. Written by the gate only; never updated."""

    class Outcome(models.TextChoices):
        DONE = "done", "done"
        REFUSED = "refused", "refused"
        FAILED = "failed", "failed"

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    operation = models.CharField(max_length=64, db_index=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    actor_label = models.CharField(max_length=200)
    actor_user_id = models.UUIDField(null=True, db_index=True)
    tenant_id = models.UUIDField(null=True, db_index=True)
    target_type = models.CharField(max_length=32, blank=True)
    target_id = models.CharField(max_length=64, blank=True, db_index=True)
    target_name = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    message = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_label} {self.operation} {self.target_name} {self.outcome}"


class IdempotencyRecord(models.Model):
    """The answer to a POST with an Idempotency-Key: same key and body, same answer for 24 h. A row without a status is being worked on."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"answer to {self.key}"
