"""Tells open browsers about a job after commit. The row is read then, so that one message carries the newest state."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from jobs.models import Job
from jobs.payload import full_payload
from live import publish


def job_changed(job_id: UUID) -> None:
    publish.when_seen(partial(_publish, job_id))


def job_made(job: Job) -> None:
    """A new job has neither steps nor a log: nothing to read again."""
    publish.when_seen(lambda: publish.changed("job", job.pk, tenant_id=job.tenant_id, version=job.version, data=full_payload(job)))


def _publish(job_id: UUID) -> None:
    job = Job.objects.filter(pk=job_id).select_related("tenant").first()
    if job is not None:
        data = full_payload(job, detail=True)
        publish.changed("job", job.pk, tenant_id=job.tenant_id, version=job.version, data=data)
