"""What happened to a guest, newest first: its jobs and its audit records in one list."""

from __future__ import annotations

from typing import Any

from guests.models import Guest
from jobs.models import Job
from jobs.selectors import job_list
from tenants.actor import Actor
from tenants.audit import reading
from tenants.models import AuditEntry

TONE = {"succeeded": "ok", "failed": "bad", "needs_attention": "bad", "refused": "bad"}
ICON = {"succeeded": "circle-check", "failed": "circle-x", "cancelled": "circle-minus", "needs_attention": "triangle-alert"}


def timeline_of(actor: Actor, guest: Guest, *, limit: int = 100) -> list[dict[str, Any]]:
    jobs = [_of_job(job) for job in job_list(actor, target_id=guest.pk)[:limit]]
    entries = [_of_entry(entry) for entry in reading.about(actor, guest)[:limit] if _tells_more(entry)]
    return sorted(jobs + entries, key=lambda line: line["at"], reverse=True)[:limit]


def _of_job(job: Job) -> dict[str, Any]:
    return {
        "at": job.created_at,
        "title": job.title,
        "state": job.state,
        "is_active": job.is_active,
        "icon": ICON.get(job.state, "clock"),
        "tone": TONE.get(job.state, ""),
        "who": job.actor_label,
        "text": job.outcome or (job.error or {}).get("message", "") or (job.step if job.is_active else ""),
        "url": f"/jobs/{job.pk}/",
    }


def _of_entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "title": entry.operation.replace(".", " ").replace("_", " ").capitalize() + (" refused" if entry.outcome == "refused" else ""),
        "icon": "monitor-play" if entry.operation.startswith("console") else "shield-alert" if entry.outcome == "refused" else "pencil",
        "tone": TONE.get(entry.outcome, ""),
        "who": entry.actor_label,
        "text": entry.message,
        "url": f"/audit/{entry.pk}/",
    }


def _tells_more(entry: AuditEntry) -> bool:
    """A change that became a job, and how that ended, are in the job's line already."""
    if entry.operation.startswith("job."):
        return False
    return entry.outcome != "done" or entry.operation in ("guest.change", "console.open", "console.view", "guest.adopt")
