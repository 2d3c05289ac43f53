"""Keys of scripts."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from knox.models import AbstractAuthToken

from tenants.models.tenant import Tenant

PREFIX = "kvmw_"
"""Every key begins with it, so that a secret scanner knows one that was published."""
SHOWN = 12


class TokenScope(models.TextChoices):
    READ = "read", "read"
    OPERATE = "operate", "operate"
    ADMIN = "admin", "admin"


class ApiToken(AbstractAuthToken):
    """A knox token (hashed at rest, shown once) with a scope and, optionally, one tenant."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    """What people and scripts name it by: the primary key is the digest of the key."""
    name = models.CharField(max_length=80)
    scope = models.CharField(max_length=16, choices=TokenScope.choices, default=TokenScope.READ)
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.CASCADE)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_address = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    @property
    def prefix(self) -> str:
        """The beginning of the key, to recognise one that turned up somewhere."""
        return str(self.token_key)[:SHOWN]

    @property
    def has_expired(self) -> bool:
        return self.expiry is not None and self.expiry <= timezone.now()
