"""What a browser gets when it subscribes to `jobs` or `job:<id>`. The deltas after it come from `jobs.notify`."""

from __future__ import annotations

from typing import Any

from django.db.models import Count

from jobs.models import ACTIVE_STATES
from jobs.payload import job_payload
from jobs.selectors import job_for, job_list
from tenants.actor import Actor

NEWEST = 200


def list_snapshot(actor: Actor) -> dict[str, Any]:
    """The newest jobs, and how many are in each active state."""
    counts = job_list(actor, states=ACTIVE_STATES).order_by().values("state").annotate(n=Count("pk"))
    return {
        "results": [job_payload(job, actor) for job in job_list(actor)[:NEWEST]],
        "summary": {str(state): 0 for state in ACTIVE_STATES} | {row["state"]: row["n"] for row in counts},
    }


def row_snapshot(actor: Actor, row_id: str) -> dict[str, Any]:
    return job_payload(job_for(actor, row_id), actor, detail=True)
