"""One host as plain JSON values for REST, pages and live sockets. Only people who may see hosts ever get it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hosts.models import Host, HostState

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a host's guests hold: those that have a process now, and those being created."""

    guests: int = 0
    running: int = 0
    vcpus: int = 0
    memory_mib: int = 0
    unmanaged: int = 0


def host_payload(host: Host, allocation: Allocation | None = None) -> Payload:
    """`allocation` as `hosts.selectors.allocation` gives it; None leaves it out (a delta that does not change it)."""
    shown: Payload = {
        "id": str(host.pk),
        "name": host.name,
        "kind": host.kind,
        "kind_label": host.get_kind_display(),
        "socket_path": host.socket_path,
        "description": host.description,
        "is_enabled": host.is_enabled,
        "state": host.state,
        "state_label": host.get_state_display(),
        "state_since": _time(host.state_since),
        "state_reason": host.state_reason,
        "is_stale": host.state != HostState.UP,
        "observed_at": _time(host.observed_at),
        "version": host.version,
        "created_at": _time(host.created_at),
        "hostname": host.hostname,
        "host_uuid": host.host_uuid,
        "driver": host.driver,
        "libvirt_version": host.libvirt_version,
        "hypervisor_version": host.hypervisor_version,
        "architecture": host.architecture,
        "cpu_model": host.cpu_model,
        "cpus": host.cpus,
        "cpu_sockets": host.cpu_sockets,
        "cpu_cores": host.cpu_cores,
        "cpu_threads": host.cpu_threads,
        "cpu_mhz": host.cpu_mhz,
        "numa_nodes": host.numa_nodes,
        "machines": host.machines,
        "memory_mib": host.memory_mib,
        "memory_free_mib": host.memory_free_mib,
        "cpu_percent": host.cpu_percent,
        "acceleration": host.guest_acceleration,
        "acceleration_choice": host.acceleration_choice,
        "acceleration_label": acceleration_label(host),
        "acceleration_reason": host.acceleration_reason,
        "cpu_overcommit": host.cpu_overcommit,
        "memory_overcommit": host.memory_overcommit,
        "memory_reserved_mib": host.memory_reserved_mib,
        "vcpus_capacity": vcpus_capacity(host),
        "memory_capacity_mib": memory_capacity_mib(host),
    }
    if allocation is not None:
        shown |= {
            "guests": allocation.guests,
            "guests_running": allocation.running,
            "unmanaged": allocation.unmanaged,
            "vcpus_allocated": allocation.vcpus,
            "memory_allocated_mib": allocation.memory_mib,
        }
    return shown


def acceleration_label(host: Host) -> str:
    return {"kvm": "KVM", "qemu": "software emulation: slow", "none": "imaginary guests"}.get(host.guest_acceleration, "not known yet")


def vcpus_capacity(host: Host) -> int:
    return int(host.cpus * host.cpu_overcommit)


def memory_capacity_mib(host: Host) -> int:
    """What guests may hold together: the host keeps some for itself."""
    return max(0, int((host.memory_mib - host.memory_reserved_mib) * host.memory_overcommit))


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
