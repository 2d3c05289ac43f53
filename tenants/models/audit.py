"""The trail of what was changed and what was refused, and the chain of hashes over it. Rows are added and never changed again."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone


class AppendOnly(RuntimeError):
    """Somebody tried to change or delete what may only be added to."""

    def __init__(self) -> None:
        super().__init__("The audit trail is append-only. Record what happened with tenants.audit.record.")


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """The database refuses these too (tenants.audit.triggers); here the mistake is named before it gets there."""

    def update(self, **fields: Any) -> int:
        raise AppendOnly

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        raise AppendOnly


class AppendOnlyModel(models.Model):
    objects: ClassVar[models.Manager[Any]] = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, force_insert: Any = False, **kwargs: Any) -> None:
        if not force_insert:
            raise AppendOnly
        super().save(*args, force_insert=force_insert, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly


class AuditEntry(AppendOnlyModel):
    """One change, or one refusal. Written by `tenants.audit.record` only."""

    class Outcome(models.TextChoices):
        DONE = "done", "done"
        REFUSED = "refused", "refused"
        FAILED = "failed", "failed"

    at = models.DateTimeField(default=timezone.now)
    operation = models.CharField(max_length=64)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    actor_label = models.CharField(max_length=200)
    actor_user_id = models.UUIDField(null=True)
    tenant_id = models.UUIDField(null=True)
    target_type = models.CharField(max_length=32, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_name = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    job_id = models.UUIDField(null=True)
    """The job a click became, and, in the entry of its outcome, the job that ended."""
    message = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)
    """Such as {"changes": {"vcpus": [1, 2]}}: before and after. Secrets are never in it."""
    digest = models.CharField(max_length=64, default="")
    """SHA-256 over all of the above, in the form of `tenants.audit.canonical`."""

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            # The page and its filters, newest first.
            models.Index(fields=["at", "id"], name="audit_newest"),
            models.Index(fields=["tenant_id", "at", "id"], name="audit_of_tenant"),
            models.Index(fields=["actor_user_id", "at", "id"], name="audit_of_actor"),
            models.Index(fields=["target_id", "at", "id"], name="audit_of_target"),
            models.Index(fields=["operation", "at", "id"], name="audit_of_operation"),
            models.Index(fields=["outcome", "at", "id"], name="audit_of_outcome"),
            # What belongs to one click.
            models.Index(fields=["job_id"], name="audit_of_job", condition=models.Q(job_id__isnull=False)),
            models.Index(fields=["request_id"], name="audit_of_request"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_label} {self.operation} {self.target_name} {self.outcome}"


class AuditLink(AppendOnlyModel):
    """An entry's place in the chain, given at commit: without gaps, in the order in which the transactions ended."""

    seq = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, on_delete=models.DO_NOTHING, db_constraint=False, related_name="link")
    previous = models.CharField(max_length=64)
    """The hash of the link before; zeros for the first."""
    hash = models.CharField(max_length=64)
    """SHA-256 over previous, seq, the entry's id and its digest, one a line."""

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"


class AuditCursor(models.Model):
    """How far the chain was forwarded to one place. Survives whatever restarts; two senders at once are kept apart by the lease."""

    name = models.CharField(max_length=16, primary_key=True)
    seq = models.BigIntegerField(default=0)
    """Everything up to this link was taken by the receiver."""
    sent_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    next_try_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.seq}"
