"""The overview: what needs attention first, then capacity (operators) or quota (tenants), then who uses most and what happened."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from guests.selectors import GuestFilter, guest_list
from guests.views.rows import columns_of, rows_of
from hosts.selectors import host_list, host_payloads
from jobs.models import JobState
from jobs.payload import job_payload
from jobs.selectors import job_list
from kvmweb.context import shell_of
from kvmweb.pages.quotas import Found, meters_seen, quota_lines, quotas_of
from kvmweb.paging import first_of
from kvmweb.requests import PageRequest, is_fragment
from storage.payload import pool_payload
from storage.selectors import pool_list
from tenants.actor import Actor
from tenants.sessions import follows_choice, tenant_in_url

FAILED_WITHIN = timedelta(hours=24)
NEARLY_FULL = 0.85
AT_MOST = 6


@login_required
@require_safe
@follows_choice
def overview(request: PageRequest) -> HttpResponse:
    actor, summary, tenant = request.actor, shell_of(request).summary, tenant_in_url(request)
    busiest = guest_list(actor, GuestFilter(state="running", tenant=str(tenant or ""), ordering="-cpu_percent"))
    hosts = host_payloads(host_list(actor), with_unmanaged=False) if actor.sees_everything else []
    pools = [pool_payload(pool) for pool in pool_list(actor)] if actor.sees_everything else []
    meters = meters_seen(actor, tenant) if tenant or not actor.sees_everything else None
    context = {
        "summary": summary,
        "attention": attention(actor, hosts, pools, summary=summary, meters=meters, tenant=tenant),
        "capacity": capacity_of(hosts, pools) if actor.sees_everything and not tenant else None,
        "quotas": quotas_of(meters or []),
        "busiest": rows_of(actor, columns_of(first_of(busiest, AT_MOST)), jobs={}),
        "jobs": [job_payload(job, actor) for job in job_list(actor, tenant_id=tenant)[:AT_MOST]],
    }
    return render(request, "overview/_overview.html" if is_fragment(request) else "overview/overview.html", context)


def attention(
    actor: Actor,
    hosts: list[dict[str, Any]],
    pools: list[dict[str, Any]],
    *,
    summary: dict[str, Any],
    meters: Found | None = None,
    tenant: UUID | None = None,
) -> list[dict[str, Any]]:
    """Lines {"icon", "tone", "title", "text", "url"}, worst first."""
    return [
        *_hosts_down(hosts),
        *_failed_jobs(actor, tenant),
        *_troubled_guests(summary),
        *_full_pools(pools),
        *quota_lines(actor, meters),
    ]


def _hosts_down(hosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "icon": "unplug",
            "tone": "bad",
            "title": f"Host {host['name']} does not answer",
            "text": host["state_reason"],
            "url": f"/hosts/{host['id']}/",
        }
        for host in hosts
        if host["state"] == "unreachable"
    ]


def _failed_jobs(actor: Actor, tenant: UUID | None) -> list[dict[str, Any]]:
    """Those that need somebody first: they have not ended."""
    jobs = job_list(actor, tenant_id=tenant)
    held = jobs.filter(state=JobState.NEEDS_ATTENTION).order_by("-created_at")
    failed = jobs.filter(state=JobState.FAILED, finished_at__gt=timezone.now() - FAILED_WITHIN).order_by("-finished_at")
    # Each by its own index and few: asked for together, a database looks through all jobs of the day.
    rows = jobs.filter(Q(pk__in=held.values("pk")[:AT_MOST]) | Q(pk__in=failed.values("pk")[:AT_MOST]))
    found = sorted(rows, key=lambda job: job.state != JobState.NEEDS_ATTENTION)
    return [
        {
            "icon": "triangle-alert",
            "tone": "bad",
            "title": f"{job.title} {'needs attention' if job.state == JobState.NEEDS_ATTENTION else 'failed'}",
            "text": (job.error or {}).get("message", ""),
            "url": f"/jobs/{job.pk}/",
            "at": job.finished_at,
        }
        for job in found
    ]


def _troubled_guests(summary: dict[str, Any]) -> list[dict[str, Any]]:
    missing, crashed = summary["missing"], summary["by_state"]["crashed"]
    lines = []
    if crashed:
        words = "A guest has crashed" if crashed == 1 else f"{crashed} guests have crashed"
        lines.append(
            {"icon": "circle-x", "tone": "bad", "title": words, "text": "Force it off and start it again.", "url": "/guests/?state=crashed"}
        )
    if missing:
        words = "A guest is missing on its host" if missing == 1 else f"{missing} guests are missing on their hosts"
        lines.append(
            {"icon": "info", "tone": "warn", "title": words, "text": "Somebody may have removed it there.", "url": "/guests/?state=missing"}
        )
    return lines


def _full_pools(pools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "icon": "hard-drive",
            "tone": "warn",
            "title": f"Pool {pool['name']} on {pool['host']['name']} is {pool['used_percent']:.0f}% full",
            "text": "New guests there will be refused when it is full.",
            "url": f"/hosts/{pool['host']['id']}/?tab=storage",
        }
        for pool in pools
        if pool["is_active"] and (pool["used_percent"] or 0) >= NEARLY_FULL * 100
    ]


def capacity_of(hosts: list[dict[str, Any]], pools: list[dict[str, Any]]) -> dict[str, float]:
    """Sums over the hosts that are up, and over their active pools."""
    up = [host for host in hosts if host["state"] == "up"]
    ids = {host["id"] for host in up}
    usable = [pool for pool in pools if pool["is_active"] and pool["host"]["id"] in ids]
    capacity = sum(pool["capacity_bytes"] for pool in usable)
    return {
        "hosts": len(hosts),
        "hosts_up": len(up),
        "vcpus": sum(host["vcpus_allocated"] for host in up),
        "vcpus_capacity": sum(host["vcpus_capacity"] for host in up),
        "memory_mib": sum(host["memory_allocated_mib"] for host in up),
        "memory_capacity_mib": sum(host["memory_capacity_mib"] for host in up),
        "storage_bytes": capacity - sum(pool["available_bytes"] for pool in usable),
        "storage_capacity_bytes": capacity,
    }
