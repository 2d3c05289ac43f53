"""Lines of the guests table as a template shows them: read without making model objects, every value worked out.

The list of 50 must take 20 ms at the server, and `guests.payload` (disks, networks, ten answers) is for one guest, not for 50.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.safestring import SafeString

from guests.actions import GuestFacts, reason_against
from guests.models import Guest
from guests.payload import Payload, label_with
from guests.states import is_stale
from jobs.models import Job
from jobs.selectors import active_jobs_for
from kvmweb.words import TONES, size_of_mib
from tenants.actor import Actor

WARN_CPU, BAD_CPU = 75, 90
COLUMNS = (
    "id",
    "name",
    "state",
    "is_missing",
    "is_protected",
    "observed_at",
    "tags",
    "os",
    "vcpus",
    "memory_mib",
    "cpu_percent",
    "primary_address",
    "created_at",
    "tenant_id",
    "tenant__name",
    "host_id",
    "host__name",
    "host__state",
    "host__observed_at",
)

Row = dict[str, Any]


def columns_of(guests: QuerySet[Guest]) -> QuerySet[Guest, Row]:
    """A list from `guests.selectors.guest_list` with the columns of the table only."""
    rows: QuerySet[Guest, Row] = guests.values(*COLUMNS, *guests.query.annotation_select)
    return rows


def rows_of(actor: Actor, guests: Iterable[Row], *, jobs: Mapping[UUID, Job] | None = None) -> list[Row]:
    """`jobs`: guest id -> its active job, when the caller knows them or does not show them."""
    page = list(guests)
    if jobs is None:
        jobs = active_jobs_for([guest["id"] for guest in page])
    return [_row(actor, guest, jobs.get(guest["id"])) for guest in page]


def _row(actor: Actor, guest: Row, job: Job | None) -> Row:
    facts = GuestFacts(
        tenant_id=guest["tenant_id"],
        state=guest["state"],
        is_missing=guest["is_missing"],
        host_state=guest["host__state"],
    )
    cpu = guest["cpu_percent"]
    seen_at = max(filter(None, (guest["observed_at"], guest["host__observed_at"])), default=None)
    return {
        # Text already: a template would localize every number, which costs as much as the rest of the row.
        "id": SafeString(guest["id"]),
        "name": guest["name"],
        "tone": tone_of(guest["state"], is_missing=guest["is_missing"], is_busy=job is not None),
        "words": label_with(job, guest["state"], is_missing=guest["is_missing"]),
        "is_stale": is_stale(host_state=guest["host__state"], seen_at=seen_at, now=timezone.now()),
        "tags": guest["tags"][:3],
        "host_id": SafeString(guest["host_id"]),
        "host": guest["host__name"],
        "tenant": guest["tenant__name"],
        "os": guest["os"] or "–",
        "vcpus": str(guest["vcpus"]),
        "memory": size_of_mib(guest["memory_mib"]),
        "cpu": "0" if cpu is None else f"{cpu:.0f}",
        "cpu_words": "–" if cpu is None else f"{cpu:.0f}%",
        "cpu_tone": "unknown" if cpu is None else "" if cpu < WARN_CPU else "warn" if cpu < BAD_CPU else "bad",
        "address": guest["primary_address"],
        "why_no_console": reason_against(actor, facts, "view-console"),
    }


def tone_of(state: str, *, is_missing: bool = False, is_busy: bool = False) -> str:
    if is_busy:
        return "busy"
    return "bad" if is_missing else TONES.get(state, "off")


def tone_of_payload(guest: Payload) -> str:
    return tone_of(guest["state"], is_missing=guest["is_missing"], is_busy=guest["active_job"] is not None)
