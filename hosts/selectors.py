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


def allocation(hosts: Iterable[Host]) -> dict[UUID, Allocation]:
    """Host id -> what is allocated there: one query over guests, one over unmanaged ones, for any number of hosts."""
    ids = [host.pk for host in hosts]
    # order_by: the default ordering by name would become part of GROUP BY.
    rows = Host.objects.filter(pk__in=ids).order_by()
    holds = Q(guests__state__in=HOLDING_STATES, guests__is_missing=False)
    held = rows.values("pk").annotate(
        n=Count("guests"),
        running=Count("guests", filter=Q(guests__state="running", guests__is_missing=False)),
        cpus=Sum("guests__vcpus", filter=holds),
        mib=Sum("guests__memory_mib", filter=holds),
    )
    unmanaged = dict(rows.filter(unmanaged_guests__isnull=False).values_list("pk").annotate(n=Count("unmanaged_guests")))
    return {
        line["pk"]: Allocation(line["n"], line["running"], line["cpus"] or 0, line["mib"] or 0, unmanaged.get(line["pk"], 0))
        for line in held
    }


def host_payloads(hosts: Iterable[Host]) -> list[Payload]:
    page = list(hosts)
    held = allocation(page)
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
