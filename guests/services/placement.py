"""Gathering what `guests.plan.place` decides on: hosts with their free memory, pools and networks, as the database knows them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from guests.capacity import memory_for_guests_mib
from guests.plan import GIB, Candidate, Need, Placement, Refusal, gib_for, place
from guests.requests import CreateGuest
from guests.selectors import Allocation, allocations
from hosts.models import Host
from kvmweb.errors import NoCapacity, NotAllowed, Unavailable
from networks.models import Network
from storage.models import Image, Pool, Volume
from tenants.actor import Actor
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Place:
    host: Host
    pool: Pool
    networks: tuple[Network, ...]
    reason: str


def choose_place(actor: Actor, tenant: Tenant, request: CreateGuest) -> Place:
    """Raise NoCapacity with the numbers when no host has room, Unavailable when none answers. Locks the hosts: one at a time."""
    if request.host is not None and not actor.is_operator:
        raise NotAllowed("Only operators choose the host. Leave it out: one is chosen for you.")
    hosts = _hosts_for(request)
    pools = {host.id: pool for host in hosts if (pool := _pool_of(host)) is not None}
    networks = _networks_of(tenant, hosts)
    need = need_of(request)
    held = allocations(hosts)
    has_base = set(
        Volume.objects.filter(image=request.image, purpose=Volume.Purpose.BASE, state=Volume.State.READY).values_list("pool_id", flat=True)
    )
    candidates = [
        _candidate(host, held.get(host.id, Allocation()), pools.get(host.id), networks.get(host.id, []), has_base=has_base)
        for host in hosts
    ]
    placement = place(need, candidates)
    if placement.host_id is None:
        raise _refused(actor, placement)
    host = next(host for host in hosts if host.id == placement.host_id)
    return Place(host, pools[host.id], request.networks or _default_networks(networks[host.id]), placement.reason)


def need_of(request: CreateGuest) -> Need:
    """An overlay begins empty, a full copy with everything the image has."""
    image, count = request.image, request.count
    return Need(
        vcpus=request.vcpus * count,
        memory_mib=request.memory_mib * count,
        file_bytes=image.size_bytes * count if request.clone_mode == "full" else 0,
        base_bytes=image.size_bytes,
        largest_disk_bytes=disk_gib_of(request.image, request.disk_gib) * GIB,
        network_ids=frozenset(network.id for network in request.networks),
        starts=request.start,
        largest_guest_vcpus=request.vcpus,
    )


def disk_gib_of(image: Image, asked_gib: int) -> int:
    return asked_gib or gib_for(image.virtual_size_bytes)


def _hosts_for(request: CreateGuest) -> list[Host]:
    rows = Host.objects.select_for_update().order_by("id")
    if request.host is not None:
        return list(rows.filter(pk=request.host.pk))
    if request.networks:
        return list(rows.filter(pk=request.networks[0].host_id))
    hosts = list(rows)
    # libvirt's test driver runs nothing: it gets guests by itself only where there is nothing else.
    return [host for host in hosts if host.kind != Host.Kind.TEST] or hosts


def _pool_of(host: Host) -> Pool | None:
    usable = Pool.objects.filter(host=host, is_active=True, is_missing=False)
    return usable.order_by("-is_default", "-available_bytes", "name").first()


def _networks_of(tenant: Tenant, hosts: list[Host]) -> dict[UUID, list[Network]]:
    usable = Network.objects.filter(host__in=hosts, is_active=True, is_missing=False).filter(Q(tenant=tenant) | Q(tenant__isnull=True))
    by_host: dict[UUID, list[Network]] = {}
    for network in usable.order_by("-is_default", "name"):
        by_host.setdefault(network.host_id, []).append(network)
    return by_host


def _default_networks(networks: list[Network]) -> tuple[Network, ...]:
    return tuple(network for network in networks if network.is_default)[:1]


def _candidate(host: Host, held: Allocation, pool: Pool | None, networks: list[Network], *, has_base: set[UUID]) -> Candidate:
    free_mib = memory_for_guests_mib(host, free_mib=host.memory_free_mib, total_mib=host.memory_mib)
    capacity_mib = memory_for_guests_mib(host, free_mib=host.memory_mib, total_mib=host.memory_mib)
    return Candidate(
        id=host.id,
        name=host.name,
        state=host.state if host.is_enabled else "disabled",
        is_known=host.memory_mib > 0,
        cpus=host.cpus,
        vcpus_held=held.vcpus,
        cpu_overcommit=host.cpu_overcommit,
        memory_total_mib=capacity_mib,
        # What is being created is not yet missing from the host's free memory.
        memory_left_mib=free_mib - held.creating_memory_mib,
        memory_promised_left_mib=capacity_mib - held.memory_mib,
        pool_name=pool.name if pool else "",
        pool_available_bytes=pool.available_bytes if pool else 0,
        has_base=pool is not None and pool.id in has_base,
        network_ids=frozenset(network.id for network in networks),
        has_default_network=any(network.is_default for network in networks),
    )


def _refused(actor: Actor, placement: Placement) -> NoCapacity | Unavailable:
    refusals = placement.refusals
    if not refusals:
        return NoCapacity("There is no host to put it on.", hint="An operator can add one on the hosts page.")
    told = _most_telling(refusals)
    per_host = [f"{refusal.host_name}: {refusal.sentence}" for refusal in refusals]
    details: dict[str, object] = {"resource": told.resource, "available": told.available, "needed": told.needed}
    if actor.sees_everything:
        details["hosts"] = per_host
    if all(refusal.resource == "host" for refusal in refusals):
        return Unavailable(
            "No host can take new guests just now.", hint="Look at the hosts page, or try again in a minute.", details=details
        )
    message = f"No host has room for this. {told.sentence}" if len(refusals) > 1 else f"There is no room for this. {told.sentence}"
    return NoCapacity(message, hint="Ask for less, or free something first.", details=details)


def _most_telling(refusals: tuple[Refusal, ...]) -> Refusal:
    """Of the most common obstacle, the host that comes closest."""
    resource = Counter(refusal.resource for refusal in refusals if refusal.resource != "host").most_common(1)
    alike = [refusal for refusal in refusals if not resource or refusal.resource == resource[0][0]]
    return max(alike, key=lambda refusal: refusal.available)
