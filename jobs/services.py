"""Starting, cancelling and retrying jobs. Callers are services of other apps, pages and REST; running them is `jobs.runner`'s business."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from jobs import enqueue, notify, transitions
from jobs.models import ACTIVE_STATES, Job, JobState
from jobs.payload import job_payload, why_not_cancel, why_not_retry
from kvmweb.errors import Busy, Conflict
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import Tenant
from tenants.quota import limits_of, reserve


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
    _refuse_while_busy(actor, exclusive_key)
    if job.tenant is not None and limits_of(job.tenant.pk)["running_jobs"] is not None:
        # Only then: `reserve` locks the tenant's row, and all its clicks would queue there.
        reserve(job.tenant, running_jobs=1)
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        # Two clicks at once: the other one was faster by less than the look above.
        _refuse_while_busy(actor, exclusive_key)
        raise
    notify.job_made(job)
    enqueue.send_after_commit(job.pk)
    return job


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
    if not transitions.request_cancel(job.pk):
        job.refresh_from_db()
        raise Conflict(f'"{job.title}" cannot be cancelled any more: it is {job.get_state_display()}.')
    job.refresh_from_db()
    if not job.lease_owner:
        enqueue.send_after_commit(job.pk)
    return job


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
    return _submit(actor, again, job.exclusive_key)


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
