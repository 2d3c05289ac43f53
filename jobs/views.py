"""The list of jobs and one job's page. Cancel and retry go through REST from static/js/tray.js."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs import selectors
from jobs.models import ACTIVE_STATES, JobState
from jobs.payload import job_payload
from kvmweb.paging import page_of
from kvmweb.requests import PageRequest, is_fragment
from tenants.sessions import follows_choice, tenant_in_url

CHIPS = (
    ("", "All", ()),
    ("active", "Under way", tuple(ACTIVE_STATES)),
    ("failed", "Failed", (JobState.FAILED, JobState.NEEDS_ATTENTION)),
    ("succeeded", "Succeeded", (JobState.SUCCEEDED,)),
    ("cancelled", "Cancelled", (JobState.CANCELLED,)),
)


@login_required
@require_safe
@follows_choice
def job_list(request: PageRequest) -> HttpResponse:
    chosen, search = request.GET.get("state", ""), request.GET.get("search", "").strip()
    states = next((states for key, _, states in CHIPS if key == chosen), ())
    rows = selectors.job_list(request.actor, states=states, search=search, tenant_id=tenant_in_url(request)).order_by("-created_at", "-id")
    page = page_of(rows, request.GET.get("page", ""))
    jobs = [job_payload(job, request.actor) for job in page.rows]
    context = {"page": page, "jobs": jobs, "chips": CHIPS, "chosen": chosen, "search": search}
    return render(request, "jobs/_list.html" if is_fragment(request) else "jobs/list.html", context)


@login_required
@require_safe
def job(request: PageRequest, job_id: str) -> HttpResponse:
    row = selectors.job_for(request.actor, job_id)
    context = {
        "job": job_payload(row, request.actor, detail=True),
        "is_active": row.is_active,
        "shows_operator_text": request.actor.is_operator,
    }
    return render(request, "jobs/_job.html" if is_fragment(request) else "jobs/job.html", context)
