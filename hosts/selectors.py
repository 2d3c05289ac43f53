"""Reading hosts: lists, one host, what their guests hold, what runs there unmanaged. Never asks a host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from hosts.models import Host, HostState, UnmanagedGuest
from hosts.payload import Allocation, Payload, host_payload
from kvmweb.errors import NotFound
from tenants.actor import Actor

HOLDING_STATES = ("creating", "running", "paused", "shutting_down", "crashed", "suspended")
"""Guest states in which its memory is, or is about to be, taken. The guests room knows the states; only their names are used here."""


def host_list(actor: Actor | None, *, search: str = "", state: str = "") -> QuerySet[Host]:
    rows = Host.objects.visible_to(actor)
    if state:
        rows = rows.filter(state=state)
    for word in search.split()[:8]:
        rows = rows.filter(Q(name__icontains=word) | Q(hostname__icontains=word) | Q(description__icontains=word))
    return rows.order_by("name")


def host_for(actor: Actor | None, host_id: UUID | str) -> Host:
    return Host.objects.get_visible(actor, host_id)


def is_up(host_id: UUID) -> bool:
    """For the jobs' sweeper: does the host answer its watcher?"""
    return Host.objects.filter(pk=host_id, state=HostState.UP).exists()


def allocation(hosts: Iterable[Host], *, with_unmanaged: bool = True) -> dict[UUID, Allocation]:
    """Host id -> what is allocated there: one query over guests, one over unmanaged ones, for any number of hosts."""
    ids = [host.pk for host in hosts]
    found = {pk: Allocation(0, 0, 0, 0, unmanaged) for pk, unmanaged in _unmanaged_on(ids, count=with_unmanaged).items()}
    # From the guests' own table, which the rooms above own: a join from the hosts would read every guest's row.
    guests = Host._meta.get_field("guests").related_model._default_manager.filter(host_id__in=ids).order_by()
    for line in guests.values("host_id", "is_missing", "state").annotate(n=Count("*"), cpus=Sum("vcpus"), mib=Sum("memory_mib")):
        before = found[line["host_id"]]
        is_there = not line["is_missing"]
        holds = is_there and line["state"] in HOLDING_STATES
        found[line["host_id"]] = Allocation(
            before.guests + line["n"],
            before.running + (line["n"] if is_there and line["state"] == "running" else 0),
            before.vcpus + (line["cpus"] if holds else 0),
            before.memory_mib + (line["mib"] if holds else 0),
            before.unmanaged,
        )
    return found


def _unmanaged_on(ids: list[UUID], *, count: bool) -> dict[UUID, int]:
    none = dict.fromkeys(ids, 0)
    rows = UnmanagedGuest.objects.filter(host_id__in=ids).order_by()
    return none | dict(rows.values_list("host_id").annotate(n=Count("*"))) if count else none


def host_payloads(hosts: Iterable[Host], *, with_unmanaged: bool = True) -> list[Payload]:
    page = list(hosts)
    held = allocation(page, with_unmanaged=with_unmanaged)
    return [host_payload(host, held.get(host.pk, Allocation())) for host in page]


def unmanaged_guests(actor: Actor | None, host: Host) -> QuerySet[UnmanagedGuest]:
    """Domains on the host that no guest row owns. Whoever may not see the host sees none."""
    return UnmanagedGuest.objects.filter(host__in=Host.objects.visible_to(actor).filter(pk=host.pk)).order_by("name")


# -- live ---------------------------------------------------------------------------------------------------------------------------
def live_hosts(actor: Actor) -> dict[str, Any]:
    """Snapshot of the topic `hosts`."""
    if not actor.sees_everything:
        raise NotFound
    return {"results": host_payloads(host_list(actor)[:200])}


def live_host(actor: Actor, host_id: str) -> Payload:
    return host_payloads([host_for(actor, host_id)])[0]
