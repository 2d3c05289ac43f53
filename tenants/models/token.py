"""Keys of scripts."""

from __future__ import annotations

from django.db import models
from knox.models import AbstractAuthToken

from tenants.models.tenant import Tenant


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
