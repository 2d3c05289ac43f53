"""Starting, cancelling and retrying jobs. Callers are services of other apps, pages and REST; running them is `jobs.runner`'s business."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from jobs import enqueue, notify, transitions
from jobs.models import ACTIVE_STATES, Job, JobState
from jobs.payload import job_payload, why_not_cancel, why_not_retry
from jobs.selectors import counted_jobs
from jobs.workflow import registration_of
from kvmweb.errors import Busy, Conflict, QuotaExceeded
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import Tenant
from tenants.quota import limit_of, reserve

NAMED_JOBS = 5


def submit(
    actor: Actor,
    *,
    kind: str,
    title: str,
    target: models.Model | None = None,
    tenant: Tenant | None = None,
    host_id: UUID | None = None,
    exclusive_key: str = "",
    args: dict[str, Any] | None = None,
    parent: Job | None = None,
    retry_of: Job | None = None,
) -> Job:
    """Write the job's row in the caller's transaction; its id goes to Celery after commit. Call it from a gated service.

    Raises Busy when an active job holds `exclusive_key`. `args`: ids and plain values, never a secret.
    """
    job = Job(
        kind=kind,
        title=title[:200],
        tenant=tenant,
        actor_user_id=actor.user_id,
        actor_label=actor.label[:200],
        request_id=actor.request_id[:64],
        target_type=target._meta.model_name or "" if target is not None else "",
        target_id=target.pk if target is not None else None,
        target_name=str(getattr(target, "name", target))[:200] if target is not None else "",
        host_id=host_id,
        args=args or {},
        parent=parent,
        retry_of=retry_of,
    )
    return _submit(actor, job, exclusive_key)


def _submit(actor: Actor, job: Job, exclusive_key: str) -> Job:
    job.exclusive_key = exclusive_key
    # As if sent, so that the click needs no second write; a failed send takes it back.
    job.sent_at = timezone.now()
    if job.tenant is not None and _is_limited(actor, job.tenant, job.kind):
        # The job that is in the way may also be what fills the quota: it is the better answer.
        _refuse_while_busy(actor, exclusive_key)
        # Only then: `reserve` locks the tenant's row, and all its clicks would queue there.
        _reserve_a_run(actor, job.tenant)
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        # Looked at only now: a click that nothing is in the way of does not pay for the look.
        _refuse_while_busy(actor, exclusive_key)
        raise
    # In this order: the worker begins while this process still tells the browsers.
    enqueue.send_after_commit(job.pk)
    notify.job_made(job)
    return job


def counted_runs(actor: Actor, kind: str, count: int = 1) -> int:
    """What `count` jobs add to the tenant's running jobs: see `selectors.counted_jobs`. For a service that reserves for all at once."""
    return count if actor.user_id is not None and registration_of(kind).is_counted else 0


def _is_limited(actor: Actor, tenant: Tenant, kind: str) -> bool:
    return bool(counted_runs(actor, kind)) and limit_of(tenant.pk, "running_jobs") is not None


def _reserve_a_run(actor: Actor, tenant: Tenant) -> None:
    """Raise QuotaExceeded, saying what runs."""
    try:
        reserve(tenant, running_jobs=1)
    except QuotaExceeded as refusal:
        running = list(counted_jobs().visible_to(actor).filter(tenant=tenant).order_by("created_at")[:NAMED_JOBS])
        names = ", ".join(f'"{row.title}"' for row in running)
        refusal.message += f" Running: {names}." if names else ""
        refusal.hint = "Wait until one is finished, or cancel one on the jobs page."
        refusal.details["running"] = [{"id": str(row.pk), "title": row.title, "state": row.state} for row in running]
        raise


def _refuse_while_busy(actor: Actor, exclusive_key: str) -> None:
    if not exclusive_key:
        return
    running = Job.objects.filter(exclusive_key=exclusive_key, state__in=ACTIVE_STATES).select_related("tenant").first()
    if running is None:
        return
    may_see = Job.objects.visible_to(actor).filter(pk=running.pk).exists()
    raise Busy(busy_sentence(running), hint=_busy_hint(running), details={"job": job_payload(running, actor)} if may_see else None)


def busy_sentence(job: Job) -> str:
    what = f'{job.target_type.capitalize()} "{job.target_name}"' if job.target_name else "This"
    if job.state == JobState.NEEDS_ATTENTION:
        return f'{what} is held by the job "{job.title}", which could not be undone completely.'
    if job.state == JobState.QUEUED:
        return f'{what} is busy: "{job.title}" has been waiting for {_age(job)}.'
    return f'{what} is busy: "{job.title}" has been running for {_age(job)}.'


def _busy_hint(job: Job) -> str:
    if job.state == JobState.NEEDS_ATTENTION:
        return "Open its job page and retry the undo."
    return "Wait for it to finish." if why_not_cancel(job) else "Wait, or cancel it on its job page."


def _age(job: Job) -> str:
    seconds = int((timezone.now() - (job.started_at or job.created_at)).total_seconds())
    if seconds < 90:
        return f"{max(seconds, 1)} s"
    return f"{seconds // 60} min" if seconds < 5400 else f"{seconds // 3600} h"


@operation("job.cancel")
def cancel_job(actor: Actor, job: Job) -> Job:
    """Ask the job to stop and undo what it did. It is over when its state says so; a last step that is done already wins."""
    reason = why_not_cancel(job)
    if reason:
        raise Conflict(f'"{job.title}" cannot be cancelled: {_lower_first(reason)}')
    if not _request_cancel(job):
        job.refresh_from_db()
        raise Conflict(f'"{job.title}" cannot be cancelled any more: it is {job.get_state_display()}.')
    for child in job.children.filter(state__in=ACTIVE_STATES):
        # One that cannot be stopped ends as it will, and its parent waits for it.
        if not why_not_cancel(child):
            _request_cancel(child)
    job.refresh_from_db()
    return job


def _request_cancel(job: Job) -> bool:
    if not transitions.request_cancel(job.pk, also_running=registration_of(job.kind).can_cancel):
        return False
    if not job.lease_owner:
        enqueue.send_after_commit(job.pk)
    return True


@operation("job.retry")
def retry_job(actor: Actor, job: Job) -> Job:
    """A failed job: a new job with the same args. One that needs attention: the same job goes on undoing. Raises Conflict or Busy."""
    reason = why_not_retry(job)
    if reason:
        raise Conflict(f'"{job.title}" cannot be tried again: {_lower_first(reason)}')
    if job.state == JobState.NEEDS_ATTENTION:
        if not transitions.resume_undo(job.pk):
            raise Conflict(f'"{job.title}" is being tried again already.')
        job.refresh_from_db()
        enqueue.send_after_commit(job.pk)
        return job
    again = Job(
        kind=job.kind,
        title=job.title,
        tenant=job.tenant,
        actor_user_id=actor.user_id,
        actor_label=actor.label[:200],
        request_id=actor.request_id[:64],
        target_type=job.target_type,
        target_id=job.target_id,
        target_name=job.target_name,
        host_id=job.host_id,
        args=job.args,
        parent=job.parent,
        retry_of=job,
    )
    before_retry = registration_of(job.kind).before_retry
    if before_retry:
        import_string(before_retry)(actor, job)
    return _submit(actor, again, job.exclusive_key)


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
