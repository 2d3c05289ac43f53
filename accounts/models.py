"""What belongs to a person's account beside the user row: SSH keys, where the account comes from, and the counters of failed attempts.

Second factors, sessions and links to an OIDC provider are rows of allauth.
"""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models

from tenants.actor import Actor
from tenants.models import User
from tenants.querysets import VisibleQuerySet


class OwnQuerySet(VisibleQuerySet["SshKey"]):
    """One's own rows and nobody else's, whatever role one has."""

    def visible_to(self, actor: Actor | None) -> Self:
        if not isinstance(actor, Actor) or actor.user_id is None:
            return self.none()
        return self.filter(user_id=actor.user_id)


class SshKey(models.Model):
    """A public key its owner may put into new guests. Checked by `accounts.ssh` before it gets here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="ssh_keys")
    name = models.CharField(max_length=80)
    public_key = models.TextField()
    fingerprint = models.CharField(max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="one_ssh_key_per_name"),
            models.UniqueConstraint(fields=["user", "fingerprint"], name="ssh_key_once_per_user"),
        ]

    def __str__(self) -> str:
        return self.name


class DirectoryAccount(models.Model):
    """Marks a user that LDAP made. LDAP never logs anybody in to a user without this mark, whatever the name."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="directory_account")
    dn = models.CharField(max_length=500)
    synced_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.dn


class LoginBucket(models.Model):
    """When somebody tried lately, for one pair of account and address, or for one address: see `accounts.throttle`."""

    key = models.CharField(max_length=64, primary_key=True)
    attempts = models.JSONField(default=list)
    is_told = models.BooleanField(default=False)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key[:12]
