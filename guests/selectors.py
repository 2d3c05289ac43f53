"""Reading guests: lists, one guest, counts. Every function takes the actor and starts from `visible_to`; none talks to a host."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Model, Prefetch, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast, Coalesce

from guests.listing import guest_payloads
from guests.models import Guest, GuestDisk, GuestNic, GuestState
from guests.payload import Payload
from guests.states import ACTIVE_STATES
from hosts.models import Host, HostState
from kvmweb.errors import InvalidInput
from tenants.actor import Actor
from tenants.models import Tenant

SORTABLE = ("name", "state", "created_at", "memory_mib", "vcpus", "cpu_percent")
"""What `ordering` may name, with - in front for descending. The id breaks ties, so that a keyset page never skips or repeats a row."""

CPU_LOAD = Coalesce("cpu_percent", -1.0)
"""A guest that is off has no load; NULL cannot be a keyset position."""


@dataclass(frozen=True, slots=True)
class GuestFilter:
    """Empty fields do not filter. `host`, `tenant` and `image` are ids; `state` also takes "missing"."""

    search: str = ""
    state: str = ""
    host: str = ""
    tenant: str = ""
    image: str = ""
    tag: str = ""
    os: str = ""
    problems: bool = False
    ordering: str = "name"


@dataclass(frozen=True, slots=True)
class Allocation:
    """What guests hold of a host now: those that run, and those being created."""

    vcpus: int = 0
    memory_mib: int = 0
    creating_memory_mib: int = 0


def guest_list(actor: Actor, wanted: GuestFilter | None = None) -> QuerySet[Guest]:
    """Ordered, filtered rows; `guest_payloads` reads what belongs to a page of them."""
    wanted = wanted or GuestFilter()
    column = wanted.ordering.removeprefix("-")
    if column not in SORTABLE:
        raise InvalidInput(fields={"ordering": f"Choose one of {', '.join(SORTABLE)}, with - in front for descending."})
    rows = _filtered(Guest.objects.visible_to(actor), wanted, sees_hosts=actor.sees_everything)
    if column == "cpu_percent":
        rows, column = rows.annotate(cpu_load=CPU_LOAD), "cpu_load"
    sign = "-" if wanted.ordering.startswith("-") else ""
    return rows.order_by(f"{sign}{column}", f"{sign}id")


def with_details(rows: QuerySet[Guest]) -> QuerySet[Guest]:
    disks = GuestDisk.objects.select_related("volume__pool")
    nics = GuestNic.objects.select_related("network")
    return rows.select_related("tenant", "host", "image").prefetch_related(Prefetch("disks", disks), Prefetch("nics", nics))


def guest_for(actor: Actor | None, guest_id: UUID | str) -> Guest:
    """The guest with its details, or NotFound."""
    return with_details(Guest.objects.all()).get_visible(actor, guest_id)  # type: ignore[attr-defined]


def guest_view(actor: Actor, guest: Guest) -> Payload:
    return guest_payloads(actor, [guest])[0]


def guest_summary(actor: Actor, *, tenant_id: UUID | None = None) -> dict[str, Any]:
    """{"total", "by_state", "missing", "problems"}: counts over what `actor` sees. One query, answered from an index."""
    visible = Guest.objects.visible_to(actor).order_by()
    rows = (visible.filter(tenant_id=tenant_id) if tenant_id else visible).values("state")
    # The state and not the id, which is not in the index.
    counted = list(
        rows.annotate(n=Count("state"), missing=Count("state", filter=Q(is_missing=True)), problems=Count("state", filter=_problems()))
    )
    by_state = dict.fromkeys(GuestState.values, 0) | {line["state"]: line["n"] for line in counted}
    missing, problems = (sum(line[name] for line in counted) for name in ("missing", "problems"))
    return {"total": sum(by_state.values()), "by_state": by_state, "missing": missing, "problems": problems}


def _problems() -> Q:
    return Q(is_missing=True) | Q(state=GuestState.CRASHED) | Q(host_id__in=_hosts_down().values("pk"))


def _hosts_down() -> QuerySet[Host]:
    return Host.objects.filter(state=HostState.UNREACHABLE).order_by()


def _filtered(rows: QuerySet[Guest], wanted: GuestFilter, *, sees_hosts: bool) -> QuerySet[Guest]:
    """Who may not see hosts cannot find out by a filter which guests share one."""
    if wanted.host and not sees_hosts:
        return rows.none()
    for column, value in (("host_id", wanted.host), ("tenant_id", wanted.tenant), ("image_id", wanted.image)):
        if value:
            rows = rows.filter(**{column: _id(column.removesuffix("_id"), value)})
    if wanted.state == "missing":
        rows = rows.filter(is_missing=True)
    elif wanted.state:
        states = wanted.state.split(",")
        if not set(states) <= set(GuestState.values):
            raise InvalidInput(fields={"state": f"Choose from {', '.join(GuestState.values)} or missing."})
        rows = rows.filter(state__in=states) if len(states) > 1 else rows.filter(state=states[0])
    if wanted.os:
        rows = rows.filter(os=wanted.os)
    if wanted.tag:
        rows = rows.alias(tags_text=Cast("tags", TextField())).filter(tags_text__contains=f'"{wanted.tag}"')
    if wanted.problems:
        rows = rows.filter(_problems())
    for word in wanted.search.split()[:8]:
        rows = _matching(rows, word[:100], sees_hosts=sees_hosts)
    return rows


def _matching(rows: QuerySet[Guest], word: str, *, sees_hosts: bool) -> QuerySet[Guest]:
    """Name, address, tag, tenant, host or MAC contain `word`; an id matches whole.

    Tenants and hosts are found first, by themselves: joined to every guest they take as long as the rest of the search.
    """
    # Cast: a JSON column compares as JSON, not as text, on PostgreSQL.
    rows = rows.alias(tags_text=Cast("tags", TextField()), addresses_text=Cast("addresses", TextField()))
    found = (
        Q(name__icontains=word)
        | Q(addresses_text__icontains=word)
        | Q(tags_text__icontains=word)
        | Q(os__icontains=word)
        | Q(tenant_id__in=Tenant.objects.filter(name__icontains=word).order_by().values("pk"))
    )
    if sees_hosts:
        found |= Q(host_id__in=Host.objects.filter(name__icontains=word).order_by().values("pk"))
    if ":" in word:
        found |= Q(pk__in=GuestNic.objects.filter(mac__icontains=word).order_by().values("guest_id"))
    with suppress(ValueError):
        found |= Q(pk=UUID(word)) | Q(uuid=UUID(word))
    return rows.filter(found)


def _id(name: str, value: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise InvalidInput(fields={name: "This is not an id."}) from None


def allocations(hosts: Iterable[Model]) -> dict[UUID, Allocation]:
    """Host id -> what its guests hold. Guests being created count from the moment their row is written."""
    holding = Guest.objects.filter(host__in=list(hosts), is_missing=False).order_by()
    held = holding.filter(state__in=[*ACTIVE_STATES, GuestState.CREATING]).values("host_id")
    lines = held.annotate(
        cpus=Sum("vcpus"),
        mib=Sum("memory_mib"),
        creating=Coalesce(Sum("memory_mib", filter=Q(state=GuestState.CREATING)), 0),
    )
    return {line["host_id"]: Allocation(line["cpus"], line["mib"], line["creating"]) for line in lines}
