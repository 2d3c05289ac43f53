"""A link that lets somebody into a tenant, once."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models.tenant import Tenant, TenantRole
from tenants.models.user import User


class Invitation(models.Model):
    """The link holds 256 random bits, shown once; here is their SHA-256. It is worth what its maker may do when it is used."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=TenantRole.choices, default=TenantRole.MEMBER)
    note = models.CharField(max_length=100, blank=True)
    """For whom, in the maker's words."""
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"invitation of a {self.role} to {self.tenant}"

    @property
    def name(self) -> str:
        """For the audit trail."""
        return self.note or f"a {self.role}"
