"""A job as API, live sockets and pages show it. `full_payload` is the operator's view; `for_actor` takes away what others may not see."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from jobs.models import Job, JobItem, JobLogLine, JobState, JobStep
from jobs.workflow import registration_of
from tenants.actor import Actor
from tenants.policy import why_not

LOG_LINES = 200


def job_payload(job: Job, actor: Actor, *, detail: bool = False) -> dict[str, Any]:
    return for_actor(actor, full_payload(job, detail=detail))


def full_payload(job: Job, *, detail: bool = False) -> dict[str, Any]:
    """Without `detail` no query beyond the row and its tenant (select_related); with it the steps and the newest log lines."""
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "title": job.title,
        "state": str(job.state),
        "is_undoing": job.is_undoing,
        "progress": round(job.progress, 4),
        "step": job.step,
        "steps": [_step(row) for row in JobStep.objects.filter(job=job)] if detail else [],
        "items": _items(job.pk) if detail and registration_of(job.kind).has_items else [],
        "waits_for_host": waits_for_host(job),
        "bytes_done": job.bytes_done,
        "bytes_total": job.bytes_total,
        "target": {"type": job.target_type, "id": str(job.target_id), "name": job.target_name} if job.target_id else None,
        "actor": job.actor_label,
        "tenant": {"id": str(job.tenant_id), "name": job.tenant.name} if job.tenant else None,
        "host_id": str(job.host_id) if job.host_id else None,
        "parent": str(job.parent_id) if job.parent_id else None,
        "retry_of": str(job.retry_of_id) if job.retry_of_id else None,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "not_before": _time(job.not_before),
        "outcome": job.outcome,
        "error": job.error,
        "placement": job.args.get("placement", ""),
        "log": _log(job.pk) if detail else [],
        "can_cancel": not why_not_cancel(job),
        "why_not_cancel": why_not_cancel(job),
        "can_retry": not why_not_retry(job),
        "why_not_retry": why_not_retry(job),
        "version": job.version,
    }


def for_actor(actor: Actor, payload: dict[str, Any]) -> dict[str, Any]:
    """Tenants see neither hosts nor libvirt's own words; the buttons follow the actor's role."""
    tenant_id = UUID(payload["tenant"]["id"]) if payload["tenant"] else None
    shown = dict(payload)
    for verb in ("cancel", "retry"):
        reason = why_not(actor, f"job.{verb}", tenant_id) or payload[f"why_not_{verb}"]
        shown[f"can_{verb}"], shown[f"why_not_{verb}"] = not reason, reason
    if not actor.is_operator:
        shown["host_id"], shown["placement"] = None, ""
        if payload["error"]:
            shown["error"] = _tenant_error(payload["error"])
    return shown


def why_not_cancel(job: Job) -> str:
    """Empty when the job's state and kind allow it."""
    if job.state not in (JobState.QUEUED, JobState.RUNNING):
        return f"The job is {job.get_state_display()}."
    if job.is_undoing:
        return "The job is being undone already."
    known = registration_of(job.kind)
    if known.can_cancel or (known.can_cancel_queued and job.state == JobState.QUEUED):
        return ""
    return "This kind of job cannot be stopped half-way."


def why_not_retry(job: Job) -> str:
    """Empty when the job's state and kind allow it. A job that needs attention can always go on undoing."""
    if job.state == JobState.NEEDS_ATTENTION:
        return ""
    if job.state != JobState.FAILED:
        return f"The job is {job.get_state_display()}; only a failed one can be tried again."
    if not registration_of(job.kind).can_retry:
        return "What it left was removed: start it again from the beginning."
    return ""


def waits_for_host(job: Job) -> bool:
    return job.waiting_since is not None and job.state in (JobState.QUEUED, JobState.CANCELLING)


def _tenant_error(error: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in error.items() if key != "operator_text"}
    cause = shown.get("cause")
    if isinstance(cause, dict):
        shown["cause"] = _tenant_error(cause)
    return shown


def _step(row: JobStep) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "state": str(row.state),
        "started_at": _time(row.started_at),
        "finished_at": _time(row.finished_at),
    }


def _items(job_id: UUID) -> list[dict[str, Any]]:
    names = ("target_id", "target_name", "state", "child_id", "message")
    return [
        {
            "target": {"id": str(row["target_id"]), "name": row["target_name"]},
            "state": row["state"],
            "job": str(row["child_id"]) if row["child_id"] else None,
            "message": row["message"],
        }
        for row in JobItem.objects.filter(job_id=job_id).values(*names)
    ]


def _log(job_id: UUID) -> list[dict[str, Any]]:
    newest = list(JobLogLine.objects.filter(job_id=job_id).order_by("-id")[:LOG_LINES])
    return [{"at": _time(line.at), "level": line.level, "text": line.text} for line in reversed(newest)]


def _time(value: datetime | None) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value else None
