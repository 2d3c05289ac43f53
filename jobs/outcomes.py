"""A job that did not do what its click asked for is in the audit trail too, linked to the click by job and request."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobs.models import Job, JobState
from tenants import audit
from tenants.actor import Actor
from tenants.models import AuditEntry

TOLD = {
    JobState.FAILED: AuditEntry.Outcome.FAILED,
    JobState.NEEDS_ATTENTION: AuditEntry.Outcome.FAILED,
    JobState.CANCELLED: AuditEntry.Outcome.DONE,
}
"""Success is what the click's own entry says already."""


def record(job_id: UUID, state: str, error: dict[str, Any] | None = None) -> None:
    """In the transaction of the state's change. By whoever clicked, from no address: it happened in a worker."""
    if state not in TOLD:
        return
    job = Job.objects.get(pk=job_id)
    actor = Actor(label=job.actor_label, user_id=job.actor_user_id, request_id=job.request_id)
    about = audit.Target(job.target_type, str(job.target_id or ""), job.target_name, job.tenant_id)
    said = (error or job.error or {}).get("message", "") or job.outcome
    code = (error or job.error or {}).get("code", "")
    details = {"job": job.title, "kind": job.kind, **({"code": code} if code else {})}
    audit.record(actor, f"job.{state}", TOLD[JobState(state)], target=about, message=said, details=details, job_id=job.pk)
