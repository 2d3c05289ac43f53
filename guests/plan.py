"""Deciding what a new guest will be: names, MACs, disks, and the host it goes to. Pure: values in, values out.

Rows are written by `guests.services.create`, files are made by `guests.steps.create`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

GIB = 1024**3
MAC_PREFIX = "52:54:00"
"""QEMU's, from the locally administered range."""

SEED_TARGET = "sda"

LONGEST_LIBVIRT_SLUG = 50


def domain_name(name: str, uuid: UUID) -> str:
    """libvirt's name of a guest, and the beginning of its files' names: unique on every host, readable for whoever uses virsh."""
    return f"{name[:LONGEST_LIBVIRT_SLUG].rstrip('-')}-{uuid.hex[:8]}"


def disk_name(domain: str, target: str) -> str:
    return f"{domain}-{target}.qcow2"


def seed_name(domain: str) -> str:
    return f"{domain}-seed.iso"


def guest_names(name: str, count: int) -> list[str]:
    """One guest keeps the name; several get -1, -2 ... with as many digits as the last one needs."""
    if count == 1:
        return [name]
    width = len(str(count))
    return [f"{name}-{number:0{width}}" for number in range(1, count + 1)]


def new_mac(taken: Collection[str]) -> str:
    """Random, and unlike those in `taken`: two guests with one MAC on one network lose packets in ways that are hard to see."""
    while True:
        mac = MAC_PREFIX + "".join(f":{byte:02x}" for byte in secrets.token_bytes(3))
        if mac not in taken:
            return mac


def gib_for(size_bytes: int) -> int:
    """Whole GiB that hold `size_bytes`."""
    return max(1, -(-size_bytes // GIB))


@dataclass(frozen=True, slots=True)
class Need:
    """What the guests of one request need from one host, all together. `network_id` None: the host's default network does.

    `file_bytes`: what is certainly written: copies, and the image base where the pool does not have it yet.
    """

    vcpus: int
    memory_mib: int
    file_bytes: int
    base_bytes: int
    largest_disk_bytes: int = 0
    network_ids: frozenset[UUID] = frozenset()
    starts: bool = True
    largest_guest_vcpus: int = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """One host as the database knows it. `is_known` is False before the watcher has ever seen it; its numbers then mean nothing."""

    id: UUID
    name: str
    state: str
    is_known: bool
    cpus: int
    vcpus_held: int
    cpu_overcommit: float
    memory_total_mib: int
    memory_left_mib: int
    """Free for guests now, less what guests being created will take."""
    memory_promised_left_mib: int
    """Capacity less what running guests are allowed to use."""
    pool_name: str = ""
    pool_available_bytes: int = 0
    has_base: bool = False
    network_ids: frozenset[UUID] = frozenset()
    has_default_network: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one host cannot take them. `sentence` names no host."""

    host_id: UUID
    host_name: str
    resource: str
    sentence: str
    available: int = 0
    needed: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """`host_id` None: nobody can, for the reasons in `refusals`. `reason` says why this host, for operators."""

    host_id: UUID | None
    reason: str
    refusals: tuple[Refusal, ...] = ()


def place(need: Need, candidates: Iterable[Candidate]) -> Placement:
    """The host with most memory left among those that fit; a host nobody has looked at yet only when there is no other."""
    hosts = sorted(candidates, key=lambda host: host.name)
    refusals = {host.id: refusal for host in hosts if (refusal := why_not_on(host, need)) is not None}
    fitting = [host for host in hosts if host.id not in refusals]
    if not fitting:
        return Placement(None, "", tuple(refusals.values()))
    best = max(fitting, key=lambda host: (host.is_known, host.memory_left_mib))
    return Placement(best.id, _reason_for(best, fitting), tuple(refusals.values()))


def why_not_on(host: Candidate, need: Need) -> Refusal | None:
    """The first thing that is in the way, cheapest to explain first."""

    def no(resource: str, sentence: str, available: int = 0, needed: int = 0) -> Refusal:
        return Refusal(host.id, host.name, resource, sentence, available, needed)

    if host.state == "disabled":
        return no("host", "The host is disabled.")
    if host.state != "up" and host.is_known:
        return no("host", "The host does not answer just now.")
    if not host.pool_name:
        return no("pool", "The host has no active storage pool.")
    if not need.network_ids <= host.network_ids:
        return no("network", "The chosen network is not on this host.")
    if not need.network_ids and not host.has_default_network:
        return no("network", "The host has no default network.")
    return _why_no_room(host, need, no) if host.is_known else None


def _why_no_room(host: Candidate, need: Need, say: Callable[..., Refusal]) -> Refusal | None:
    if need.largest_guest_vcpus > host.cpus:
        return say("vcpus", f"The host has {host.cpus} CPUs; one guest cannot have more.", host.cpus, need.largest_guest_vcpus)
    memory_mib = min(host.memory_left_mib, host.memory_promised_left_mib) if need.starts else host.memory_total_mib
    if need.memory_mib > memory_mib:
        return say(
            "memory", f"{max(memory_mib, 0)} MiB of memory are free of the {need.memory_mib} MiB needed.", memory_mib, need.memory_mib
        )
    vcpus_left = int(host.cpus * host.cpu_overcommit) - host.vcpus_held
    if need.starts and need.vcpus > vcpus_left:
        return say("vcpus", f"{max(vcpus_left, 0)} vCPUs are free of the {need.vcpus} needed.", vcpus_left, need.vcpus)
    file_bytes = need.file_bytes + (0 if host.has_base else need.base_bytes)
    # Disks grow as they are filled; one that could never be filled is refused, the sum of many is the operator's to watch.
    file_bytes = max(file_bytes, need.largest_disk_bytes)
    if file_bytes > host.pool_available_bytes:
        free, needed = host.pool_available_bytes / GIB, file_bytes / GIB
        return say("disk", f"{free:.1f} GiB of disk are free of the {needed:.1f} GiB needed.", host.pool_available_bytes, file_bytes)
    return None


def _reason_for(best: Candidate, fitting: Sequence[Candidate]) -> str:
    if not best.is_known:
        return f"{best.name}: the only host; its free memory is looked at before the start."
    memory = f"{best.memory_left_mib} MiB of memory free"
    if len(fitting) == 1:
        return f"{best.name}: the only host that fits ({memory})."
    return f"{best.name}: most memory free ({memory}) of {len(fitting)} hosts that fit."
