"""The one place where a host's observed columns and its unmanaged guests are written, and where that is told to open pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from hosts.models import Host, HostState, UnmanagedGuest
from hosts.selectors import host_payloads
from hypervisor.observed import GuestState, HostLoad, ObservedGuest, ObservedHost
from live import publish

CHUNK = 500


def apply_facts(host_id: UUID, seen: ObservedHost) -> None:
    """What was read at connect. Writes only what differs."""
    columns = {
        "hostname": seen.hostname[:200],
        "host_uuid": seen.host_uuid[:64],
        "driver": seen.driver[:16],
        "libvirt_version": seen.libvirt_version[:32],
        "hypervisor_version": seen.hypervisor_version[:32],
        "architecture": seen.architecture[:16],
        "cpu_model": seen.cpu_model[:100],
        "cpus": seen.cpus,
        "cpu_sockets": seen.cpu_sockets,
        "cpu_cores": seen.cpu_cores,
        "cpu_threads": seen.cpu_threads,
        "cpu_mhz": seen.cpu_mhz,
        "numa_nodes": seen.numa_nodes,
        "memory_mib": seen.memory_mib,
        "memory_free_mib": seen.memory_free_mib,
        "acceleration": seen.acceleration,
        "acceleration_reason": seen.acceleration_reason[:300],
        "machines": list(seen.machines),
    }
    host = Host.objects.filter(pk=host_id).first()
    if host is not None:
        _update(host_id, {name: value for name, value in columns.items() if getattr(host, name) != value})


def is_known(host_id: UUID) -> bool:
    return Host.objects.filter(pk=host_id, cpus__gt=0).exists()


def apply_state(host_id: UUID, state: HostState, *, reason: str = "") -> bool:
    """Record a change of state with its moment; the moment stays while only the reason changes. True when the state changed."""
    # A disabled host stays so until an operator enables it, whatever a thread that is about to end still sees.
    rows = Host.objects.filter(pk=host_id, is_enabled=True) if state != HostState.DISABLED else Host.objects.filter(pk=host_id)
    now = timezone.now()
    is_new = bool(rows.exclude(state=state).update(state=state, state_since=now, state_reason=reason[:500], version=F("version") + 1))
    if is_new or rows.exclude(state_reason=reason[:500]).update(state_reason=reason[:500], version=F("version") + 1):
        publish_host(host_id)
    return is_new


def apply_seen(host_id: UUID) -> None:
    """The host answered just now: the age of everything shown of it. Not told to pages, which know that the host is up."""
    Host.objects.filter(pk=host_id).update(observed_at=timezone.now())


def apply_load(host_id: UUID, load: HostLoad, cpu_percent: float | None) -> None:
    host = Host.objects.filter(pk=host_id).first()
    if host is None:
        return
    columns: dict[str, Any] = {}
    if cpu_percent is not None and (host.cpu_percent is None or abs(host.cpu_percent - cpu_percent) >= 0.5):
        columns["cpu_percent"] = cpu_percent
    if abs(host.memory_free_mib - load.memory_free_mib) >= 16:
        columns["memory_free_mib"] = load.memory_free_mib
    if columns:
        # As with guests, load leaves the version alone: nobody's edit is made stale by it.
        Host.objects.filter(pk=host_id).update(**columns)
        publish_host(host_id)


def _update(host_id: UUID, columns: dict[str, Any]) -> None:
    if columns:
        Host.objects.filter(pk=host_id).update(version=F("version") + 1, **columns)
        publish_host(host_id)


def publish_host(host_id: UUID) -> None:
    for payload in host_payloads(Host.objects.filter(pk=host_id)):
        publish.changed("host", host_id, tenant_id=None, version=payload["version"], data=payload)


# -- unmanaged guests -----------------------------------------------------------------------------------------------------------------
def known_unmanaged(host_id: UUID) -> dict[UUID, tuple[str, str]]:
    """Domain uuid -> (name, state)."""
    rows = UnmanagedGuest.objects.filter(host_id=host_id).order_by()
    return {uuid: (name, state) for uuid, name, state in rows.values_list("uuid", "name", "state")}


def apply_unmanaged(host_id: UUID, seen: Iterable[GuestState], *, gone: Collection[UUID] = ()) -> None:
    """Add or change `seen`, remove `gone`: domains that left, or that a guest row owns now."""
    rows = [UnmanagedGuest(host_id=host_id, uuid=state.uuid, name=state.name[:255], state=str(state.power_state)) for state in seen]
    UnmanagedGuest.objects.bulk_create(
        rows, batch_size=CHUNK, update_conflicts=True, unique_fields=["host", "uuid"], update_fields=["name", "state"]
    )
    left = list(gone)
    for start in range(0, len(left), CHUNK):
        UnmanagedGuest.objects.filter(host_id=host_id, uuid__in=left[start : start + CHUNK]).delete()
    if rows or left:
        publish_host(host_id)


def unmeasured(host_id: UUID, *, limit: int) -> list[UUID]:
    """Unmanaged domains whose size was not read yet: that costs a call each, so it is done a few at a time."""
    return list(UnmanagedGuest.objects.filter(host_id=host_id, vcpus=0).order_by("name").values_list("uuid", flat=True)[:limit])


def apply_size(host_id: UUID, seen: ObservedGuest) -> None:
    UnmanagedGuest.objects.filter(host_id=host_id, uuid=seen.uuid).update(vcpus=max(1, seen.vcpus), memory_mib=seen.memory_mib)
