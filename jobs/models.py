"""Job and JobStep rows: the truth about long work. Celery carries only a job's id.

States:  queued -> running -> succeeded | failed
         running -> queued                         (waiting for a host, or its worker was lost: sent again)
         queued | running -> cancelling -> cancelled | succeeded   (succeeded: the last step was done already)
         running | cancelling -> needs_attention   (an undo failed; what remains is in the error)
         needs_attention -> queued | cancelling    (the undo runs again: by retry, or when its host is back)
A running or cancelling job without a `lease_owner` waits for a worker. Every transition is one compare-and-set UPDATE in
`jobs.transitions`; nobody assigns `state` and saves.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from tenants.models import Tenant
from tenants.querysets import TenantQuerySet


class JobState(models.TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    CANCELLING = "cancelling", "cancelling"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"
    NEEDS_ATTENTION = "needs_attention", "needs attention"


ACTIVE_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING, JobState.NEEDS_ATTENTION)
"""States that hold the job's exclusive key."""
TERMINAL_STATES = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Job(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=64)
    """Name of the workflow, such as guest.create."""
    title = models.CharField(max_length=200)
    """What a person reads: Create guest web-1."""
    state = models.CharField(max_length=20, choices=JobState.choices, default=JobState.QUEUED)
    tenant = models.ForeignKey(Tenant, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs")
    actor_user_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=200)
    request_id = models.CharField(max_length=64, blank=True)
    target_type = models.CharField(max_length=32, blank=True)
    target_id = models.UUIDField(null=True)
    target_name = models.CharField(max_length=200, blank=True)
    host_id = models.UUIDField(null=True)
    """The host it works on: one slow host may not take all workers."""
    exclusive_key = models.CharField(max_length=100, blank=True)
    """Such as guest:<id>. Two active jobs cannot share one."""
    args = models.JSONField(default=dict, blank=True)
    """Ids and plain values. Never a secret."""

    progress = models.FloatField(default=0)
    step = models.CharField(max_length=100, blank=True)
    bytes_done = models.BigIntegerField(null=True)
    bytes_total = models.BigIntegerField(null=True)
    error = models.JSONField(null=True)
    """{"code", "message", "hint", "details", "reference", "operator_text"}; operator_text only goes to operators."""
    outcome = models.CharField(max_length=300, blank=True)
    """A sentence for a job that succeeded with something to say."""

    crashes = models.PositiveIntegerField(default=0)
    """Workers lost while they ran it, since it last changed direction. After three it is undone, then given up."""
    fence = models.PositiveIntegerField(default=0)
    """Grows with every claim; a worker whose number is old may write nothing."""
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(null=True)
    """Since when its host did not answer; empty again after the next step that worked."""
    sent_at = models.DateTimeField(null=True)
    """When its id last went to Celery. Empty: the sweeper sends it."""
    is_undoing = models.BooleanField(default=False)
    cancel_requested_at = models.DateTimeField(null=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")
    retry_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retries")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantQuerySet[Job]] = TenantQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["exclusive_key"],
                condition=Q(state__in=[str(s) for s in ACTIVE_STATES]) & ~Q(exclusive_key=""),
                name="one_active_job_per_key",
            )
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="job_newest"),
            models.Index(fields=["tenant", "-created_at", "-id"], name="job_newest_of_tenant"),
            models.Index(fields=["state", "lease_expires_at"], name="job_sweep"),
            models.Index(fields=["state", "-created_at", "-id"], name="job_newest_by_state"),
            models.Index(fields=["state", "-finished_at"], name="job_ended_by_state"),
            models.Index(fields=["target_id", "-created_at"], name="job_of_target"),
            models.Index(fields=["host_id", "state"], name="job_of_host"),
            models.Index(fields=["tenant", "state"], name="job_state_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_STATES


class StepState(models.TextChoices):
    PENDING = "pending", "pending"
    RUNNING = "running", "running"
    DONE = "done", "done"
    SKIPPED = "skipped", "was so already"
    FAILED = "failed", "failed"
    UNDONE = "undone", "undone"


class JobStep(models.Model):
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=StepState.choices, default=StepState.PENDING)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict, blank=True)
    """What later steps and the undo need: names and ids chosen by us."""

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["job", "position"], name="one_step_per_position")]

    def __str__(self) -> str:
        return f"{self.position} {self.name} {self.state}"


class JobLogLine(models.Model):
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="log_lines")
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=8, default="info")
    text = models.CharField(max_length=4096)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text


class ItemState(models.TextChoices):
    PENDING = "pending", "waits for its turn"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    SKIPPED = "skipped", "left out"


class JobItem(models.Model):
    """One of the many things a job over others was asked for, and what became of it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    target_id = models.UUIDField()
    target_name = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=16, choices=ItemState.choices, default=ItemState.PENDING)
    child = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    message = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["job", "position"], name="one_item_per_position")]

    def __str__(self) -> str:
        return f"{self.target_name} {self.state}"
