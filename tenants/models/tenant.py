"""Tenants, and who is what in them."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models.user import User


class TenantRole(models.TextChoices):
    VIEWER = "viewer", "viewer"
    MEMBER = "member", "member"
    OWNER = "owner", "owner"


class Tenant(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=63, unique=True)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    require_mfa = models.BooleanField(
        "second factor required", default=False, help_text="Its people see nothing until they have set one up."
    )
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
