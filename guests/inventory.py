"""The one place where a guest's observed columns are written, and where its change is told to open pages.

Deciding what to write is the watcher's business. Nothing here deletes a guest, and nothing here talks to a host.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Sum
from django.utils import timezone

from guests.listing import full_payloads
from guests.models import Guest, GuestDisk, GuestNic, GuestState
from hypervisor.observed import ObservedGuest
from jobs.models import Job
from jobs.selectors import active_jobs_for
from live import publish
from networks.models import Network
from storage.models import Volume

CHUNK = 500
"""Rows per statement: SQLite takes 999 parameters in old builds, and a write lock held long delays everybody."""


@dataclass(slots=True)
class KnownGuest:
    """What the watcher keeps of a row between two looks."""

    pk: UUID
    state: str
    is_missing: bool


def known_guests(host_id: UUID, uuids: Collection[UUID] | None = None) -> dict[UUID, KnownGuest]:
    """The host's guests by domain uuid; all, or those asked for."""
    rows = Guest.objects.filter(host_id=host_id).order_by()
    if uuids is not None:
        rows = rows.filter(uuid__in=list(uuids))
    return {
        uuid: KnownGuest(pk, state, is_missing) for uuid, pk, state, is_missing in rows.values_list("uuid", "pk", "state", "is_missing")
    }


def revision_of(host_id: UUID) -> tuple[int, int]:
    """Changes when any guest row of the host was added, removed or changed: cheaper than reading 10,000 rows to find that out."""
    found = Guest.objects.filter(host_id=host_id).order_by().aggregate(rows=Count("pk"), versions=Sum("version"))
    return found["rows"], found["versions"] or 0


def busy_guests(pks: Collection[UUID]) -> set[UUID]:
    """Those a job works on now."""
    return set(active_jobs_for(list(pks))) if pks else set()


# -- state --------------------------------------------------------------------------------------------------------------------------
def apply_states(states: Mapping[UUID, str]) -> None:
    """pk -> power state as seen on the host. A guest that is seen is not missing."""
    by_state: dict[str, list[UUID]] = {}
    for pk, state in states.items():
        by_state.setdefault(str(state), []).append(pk)
    for state, pks in by_state.items():
        _update(pks, **_columns_of_state(state))
    publish_guests(states)


def apply_state_of_version(pk: UUID, version: int, state: str) -> None:
    """For jobs, which see a state beside the watcher: write it only if nobody wrote the row since `version` was read, before asking the
    host. Otherwise a start's short "paused", seen a moment ago, could overwrite the "running" that the watcher has written meanwhile."""
    row = Guest.objects.filter(pk=pk, version=version)
    if row.update(observed_at=timezone.now(), version=version + 1, **_columns_of_state(state)):
        publish_guests([pk])


def settle_created(pk: UUID) -> None:
    """A guest that was made and not started is off, whatever was written beside the job's own look. Publishing is the caller's."""
    Guest.objects.filter(pk=pk, state=GuestState.CREATING).update(**_columns_of_state(GuestState.SHUTOFF))


def _columns_of_state(state: str) -> dict[str, Any]:
    columns: dict[str, Any] = {"state": str(state), "state_since": timezone.now(), "is_missing": False}
    if state == GuestState.SHUTOFF:
        columns |= {"addresses": [], "primary_address": ""}
    if state != GuestState.RUNNING:
        columns |= {"cpu_percent": None, "memory_used_mib": None}
    return columns


def apply_missing(pks: Collection[UUID]) -> None:
    """libvirt does not list them any more. Owner, disks and history stay; they come back with `apply_states`."""
    _update(pks, is_missing=True, cpu_percent=None, memory_used_mib=None)
    publish_guests(pks)


def _update(pks: Iterable[UUID], **columns: Any) -> None:
    for chunk in _chunks(list(pks)):
        Guest.objects.filter(pk__in=chunk).update(observed_at=timezone.now(), version=F("version") + 1, **columns)


# -- definition -----------------------------------------------------------------------------------------------------------------------
def apply_definition(pk: UUID, seen: ObservedGuest) -> bool:
    """Write what differs. True when something did."""
    with transaction.atomic():
        guest = Guest.objects.select_for_update().filter(pk=pk).first()
        if guest is None:
            return False
        kept = SIZES if _is_being_resized(pk) else ()
        changes = {name: value for name, value in _columns(seen).items() if name not in kept and getattr(guest, name) != value}
        is_redefined = guest.definition_digest != seen.digest
        if is_redefined:
            _apply_disks(guest, seen)
            _apply_nics(guest, seen)
        if not changes:
            return False
        Guest.objects.filter(pk=pk).update(observed_at=timezone.now(), version=F("version") + 1, **changes)
    publish_guests([pk])
    return True


SIZES = ("vcpus", "memory_mib")


def _is_being_resized(pk: UUID) -> bool:
    """Until its job is over the row holds the larger size, which is reserved from the tenant's quota."""
    return any(job.kind == "guest.change" for job in active_jobs_for([pk]).values())


def _columns(seen: ObservedGuest) -> dict[str, Any]:
    return {
        "domain_name": seen.name[:100],
        "vcpus": seen.vcpus,
        "memory_mib": seen.memory_mib,
        "firmware": seen.firmware[:16],
        "acceleration": seen.acceleration[:8],
        "autostart": seen.autostart,
        "definition_digest": seen.digest,
        "has_agent": seen.is_agent_connected,
        "has_display": seen.display in ("vnc-socket", "vnc-tcp"),
        "has_serial": seen.has_serial,
    }


def _apply_disks(guest: Guest, seen: ObservedGuest) -> None:
    """A disk that went keeps its Volume row: the file is still there and still somebody's."""
    rows = {disk.target: disk for disk in guest.disks.all()}
    volumes = {
        volume.path: volume
        for volume in Volume.objects.filter(
            pool__host_id=guest.host_id, path__in=[disk.path for disk in seen.disks if disk.path], tenant_id=guest.tenant_id
        )
    }
    for disk in seen.disks:
        facts = {"bus": disk.bus[:8], "device": disk.device[:8], "path": disk.path[:400], "volume": volumes.get(disk.path)}
        row = rows.pop(disk.target, None)
        if row is None:
            GuestDisk.objects.create(guest=guest, target=disk.target[:8], **facts)
        elif any(getattr(row, name) != value for name, value in facts.items()):
            GuestDisk.objects.filter(pk=row.pk).update(**facts)
    GuestDisk.objects.filter(pk__in=[row.pk for row in rows.values()]).delete()


def _apply_nics(guest: Guest, seen: ObservedGuest) -> None:
    rows = {nic.mac: nic for nic in guest.nics.all()}
    networks = {network.name: network for network in Network.objects.filter(host_id=guest.host_id)}
    for position, nic in enumerate(seen.nics):
        facts = {
            "position": position,
            "model": nic.model[:16],
            "network": networks.get(nic.network),
            "source": (nic.network or nic.bridge)[:64],
        }
        row = rows.pop(nic.mac, None)
        if row is None:
            GuestNic.objects.create(guest=guest, mac=nic.mac[:17], **facts)
        elif any(getattr(row, name) != value for name, value in facts.items()):
            GuestNic.objects.filter(pk=row.pk).update(**facts)
    GuestNic.objects.filter(pk__in=[row.pk for row in rows.values()]).delete()


# -- statistics and addresses -----------------------------------------------------------------------------------------------------------
CPU_STEP_PERCENT = 0.5
MEMORY_STEP_MIB = 4
"""Smaller steps are noise nobody reads: writing them would make every guest a write every ten seconds."""


@dataclass(frozen=True, slots=True)
class Load:
    cpu_percent: float | None
    memory_used_mib: int | None


def apply_stats(host_id: UUID, loads: Mapping[UUID, Load]) -> int:
    """Domain uuid -> load. Returns how many rows changed. The version stays: load is no change anybody could overwrite."""
    changed = []
    for row in Guest.objects.filter(host_id=host_id, state=GuestState.RUNNING).only("pk", "uuid", "cpu_percent", "memory_used_mib"):
        load = loads.get(row.uuid)
        if load is not None and _differs(row, load):
            row.cpu_percent, row.memory_used_mib = load.cpu_percent, load.memory_used_mib
            changed.append(row)
    Guest.objects.bulk_update(changed, ["cpu_percent", "memory_used_mib"], batch_size=200)
    publish_guests([row.pk for row in changed])
    return len(changed)


def _differs(row: Guest, load: Load) -> bool:
    return _moved(row.cpu_percent, load.cpu_percent, CPU_STEP_PERCENT) or _moved(row.memory_used_mib, load.memory_used_mib, MEMORY_STEP_MIB)


def _moved(old: float | None, new: float | None, step: float) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(old - new) >= step


def running_guests(host_id: UUID) -> dict[UUID, bool]:
    """Domain uuid -> whether an address is known, of the guests whose addresses can be asked for."""
    rows = Guest.objects.filter(host_id=host_id, state=GuestState.RUNNING, is_missing=False).order_by()
    return {uuid: bool(address) for uuid, address in rows.values_list("uuid", "primary_address")}


def apply_addresses(host_id: UUID, uuid: UUID, addresses: Sequence[str]) -> None:
    """The first IPv4 address is the one shown in lists: what people type."""
    primary = next((address for address in addresses if ":" not in address), addresses[0] if addresses else "")
    found = list(addresses)
    row = Guest.objects.filter(host_id=host_id, uuid=uuid, state=GuestState.RUNNING).only("pk", "addresses", "primary_address").first()
    if row is not None and (row.addresses != found or row.primary_address != primary):
        _update([row.pk], addresses=found, primary_address=primary)
        publish_guests([row.pk])


# -- telling --------------------------------------------------------------------------------------------------------------------------
def publish_guests(pks: Iterable[UUID]) -> None:
    """Each guest as it is now, to open pages. Four queries for up to 100 guests, however many there are in all."""
    for chunk in _chunks(list(pks), publish.BATCH_ROWS):
        rows = list(Guest.objects.filter(pk__in=chunk).select_related("tenant", "host", "image"))
        publish_rows(rows, active_jobs_for(chunk))


def publish_rows(rows: list[Guest], jobs: Mapping[UUID, Job]) -> None:
    """Rows as they are in hand, with tenant, host and image; `jobs`: guest id -> its active job. Two queries."""
    publish.changed_many(
        [
            publish.change("guest", guest.pk, tenant_id=guest.tenant_id, version=guest.version, data=payload)
            for guest, payload in zip(rows, full_payloads(rows, jobs), strict=True)
        ]
    )


def publish_guests_of(host_id: UUID) -> None:
    """After the host came or went: whether a guest's data is current changed for all of them."""
    publish_guests(Guest.objects.filter(host_id=host_id).order_by().values_list("pk", flat=True))


def _chunks(pks: list[UUID], size: int = CHUNK) -> Iterator[list[UUID]]:
    for start in range(0, len(pks), size):
        yield pks[start : start + size]
