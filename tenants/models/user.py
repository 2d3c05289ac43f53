"""People and their role over the whole installation. Roles in a tenant are in `tenant`."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class SystemRole(models.TextChoices):
    """A role over the whole installation. Tenant roles are in Membership."""

    NONE = "", "none"
    AUDITOR = "auditor", "auditor"
    OPERATOR = "operator", "operator"
    ADMIN = "admin", "admin"


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    system_role = models.CharField(max_length=16, choices=SystemRole.choices, default=SystemRole.NONE, blank=True)

    class Meta(AbstractUser.Meta):
        constraints = [models.UniqueConstraint(Lower("username"), name="user_username_ci")]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.is_superuser:
            self.system_role = SystemRole.ADMIN
        super().save(*args, **kwargs)
