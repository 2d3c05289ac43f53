"""REST: jobs, their steps and log, cancel and retry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.response import Response

from jobs.models import Job
from jobs.payload import job_payload
from jobs.selectors import job_for, job_list
from jobs.serializers import JOB_ORDERINGS, JobAnswer, JobQuery, JobShape
from jobs.services import cancel_job, retry_job
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint
from tenants.actor import Actor


def accepted(actor: Actor, job: Job, **more: Any) -> Response:
    """202 {"job": {...}, ...}: the answer to every change that takes longer than a database write."""
    return Response({**more, "job": job_payload(job, actor)}, status=202)


class JobsView(ApiView):
    @endpoint("list_jobs", query=JobQuery, answer=page_of(JobShape))
    def get(self) -> Any:
        """Jobs, newest first."""
        wanted = self.query
        rows = job_list(
            self.actor,
            states=wanted.get("state", ()),
            kind=wanted.get("kind", ""),
            target_id=wanted.get("target"),
            tenant_id=wanted.get("tenant"),
            search=wanted.get("search", ""),
        )
        page = keyset_page(rows.order_by(*JOB_ORDERINGS[wanted["ordering"]]), self.request, wanted)
        return page.answer([job_payload(row, self.actor) for row in page.rows])


class JobBase(ApiView):
    row: Job

    def find(self, *, job_id: UUID) -> Job:
        return job_for(self.actor, job_id)

    def show(self, row: Job) -> Any:
        return job_payload(row, self.actor, detail=True)


class JobView(JobBase):
    @endpoint("get_job", answer=JobShape)
    def get(self) -> Any:
        """One job with its steps and the newest lines of its log."""
        return self.show(self.row)


class CancelJobView(JobBase):
    @endpoint("cancel_job", answer={202: JobAnswer}, operation="job.cancel")
    def post(self) -> Any:
        """Stop a job and undo what it did."""
        return accepted(self.actor, cancel_job(self.actor, self.row))


class RetryJobView(JobBase):
    @endpoint("retry_job", answer={202: JobAnswer}, operation="job.retry")
    def post(self) -> Any:
        """Try a failed job again, or go on with an undo that failed."""
        return accepted(self.actor, retry_job(self.actor, self.row))
