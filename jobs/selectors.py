"""Reading jobs: lists for people, and what is being worked on now. Everything starts from `visible_to`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import Count, Q

from jobs.models import ACTIVE_STATES, TERMINAL_STATES, Job, JobState
from jobs.workflow import uncounted_kinds
from tenants.actor import Actor
from tenants.querysets import TenantQuerySet
from tenants.quota.checking import Recount


def job_list(
    actor: Actor,
    *,
    states: Iterable[str] = (),
    kind: str = "",
    target_id: UUID | None = None,
    tenant_id: UUID | None = None,
    search: str = "",
) -> TenantQuerySet[Job]:
    """Newest first; the caller slices or pages. Filters that are empty do not filter."""
    jobs = Job.objects.visible_to(actor).select_related("tenant")
    states = list(states)
    if states:
        jobs = jobs.filter(state__in=states)
    if kind:
        jobs = jobs.filter(kind=kind)
    if target_id:
        jobs = jobs.filter(target_id=target_id)
    if tenant_id:
        jobs = jobs.filter(tenant_id=tenant_id)
    if search:
        jobs = jobs.filter(Q(title__icontains=search) | Q(target_name__icontains=search) | Q(actor_label__icontains=search))
    return jobs


def job_for(actor: Actor, job_id: UUID | str) -> Job:
    """The job, or NotFound."""
    return Job.objects.select_related("tenant").get_visible(actor, job_id)


def active_jobs_for(target_ids: Iterable[UUID]) -> dict[UUID, Job]:
    """One query: target id -> its newest active job. The ids are of rows the caller may see."""
    active = Job.objects.filter(target_id__in=list(target_ids), state__in=ACTIVE_STATES).select_related("tenant")
    return {job.target_id: job for job in active.order_by("created_at", "id") if job.target_id is not None}


def counted_jobs() -> TenantQuerySet[Job]:
    """Those that count against a quota of running jobs: what somebody started and what goes forward.

    Not counted: an undo, which may begin again at any time and gives things back; what the product does by itself; a job that only waits
    for its children. So a job begins to count at its submit, where that is checked, and nowhere else.
    """
    forward = Job.objects.filter(state__in=(JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING), is_undoing=False)
    return forward.filter(tenant__isnull=False, actor_user_id__isnull=False).exclude(kind__in=uncounted_kinds())


def usage_of_jobs(tenant_ids: Collection[UUID] | None) -> dict[UUID, dict[str, int]]:
    jobs = counted_jobs() if tenant_ids is None else counted_jobs().filter(tenant_id__in=tenant_ids)
    counts = jobs.order_by().values_list("tenant_id").annotate(n=Count("pk"))
    return {tenant_id: {"running_jobs": n} for tenant_id, n in counts}


def recount_jobs(tenant_id: UUID) -> Recount:
    """For `manage.py check_quotas`."""
    under_way = {JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING}
    jobs = Job.objects.filter(tenant_id=tenant_id).exclude(state__in=TERMINAL_STATES)
    counted = [
        job for job in jobs if job.state in under_way and not job.is_undoing and job.actor_user_id and job.kind not in uncounted_kinds()
    ]
    return Recount({"running_jobs": len(counted)})
