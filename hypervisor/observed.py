"""What comes out of a host: frozen values as they were at one moment. No decision is taken here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID

from hypervisor.specs import HostDeviceSpec


class PowerState(StrEnum):
    """libvirt's domain states (virDomainState), NOSTATE and BLOCKED folded into RUNNING."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTTING_DOWN = "shutting_down"
    SHUTOFF = "shutoff"
    CRASHED = "crashed"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class ObservedHost:
    """Facts of a host, read at connect. `acceleration` is kvm only where CPU flags and the capabilities agree that it works."""

    hostname: str
    host_uuid: str
    driver: str
    libvirt_version: str
    hypervisor_version: str
    architecture: str
    cpu_model: str
    cpu_sockets: int
    cpu_cores: int
    cpu_threads: int
    cpus: int
    cpu_mhz: int
    numa_nodes: int
    memory_mib: int
    memory_free_mib: int
    acceleration: Literal["kvm", "qemu", "none"]
    acceleration_reason: str
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostLoad:
    """One sample of a host's load. cpu_*_ns are counters since boot; rates are made in metrics."""

    memory_free_mib: int
    memory_total_mib: int
    cpu_busy_ns: int
    cpu_total_ns: int


@dataclass(frozen=True, slots=True)
class GuestState:
    """One line of the bulk state call: about 6 us a guest through the daemon."""

    uuid: UUID
    name: str
    power_state: PowerState
    reason: int = 0


@dataclass(frozen=True, slots=True)
class ObservedDisk:
    target: str
    device: str
    bus: str
    path: str
    format: str
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class ObservedNic:
    mac: str
    network: str
    bridge: str
    model: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class ObservedGuest:
    """A guest's definition as libvirt tells it. `digest` changes when, and only when, the normalised definition changes."""

    uuid: UUID
    name: str
    title: str
    vcpus: int
    memory_mib: int
    acceleration: str
    machine: str
    firmware: str
    is_persistent: bool
    autostart: bool
    digest: str
    display: Literal["vnc-socket", "vnc-tcp", "other", "none"] = "none"
    has_serial: bool = False
    has_agent_channel: bool = False
    is_agent_connected: bool = False
    disks: tuple[ObservedDisk, ...] = ()
    nics: tuple[ObservedNic, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestStats:
    """Counters of one guest at `at_monotonic_s`. None: libvirt did not tell."""

    uuid: UUID
    at_monotonic_s: float
    vcpus: int | None = None
    cpu_time_ns: int | None = None
    memory_used_mib: int | None = None
    memory_balloon_mib: int | None = None
    disk_read_bytes: int | None = None
    disk_write_bytes: int | None = None
    net_rx_bytes: int | None = None
    net_tx_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ObservedPool:
    name: str
    uuid: UUID
    type: str
    path: str
    is_active: bool
    autostart: bool
    capacity_bytes: int
    allocation_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class ObservedVolume:
    name: str
    path: str
    format: str
    capacity_bytes: int
    allocation_bytes: int
    backing_path: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    mac: str
    address: str
    hostname: str
    expires_at_epoch_s: int


@dataclass(frozen=True, slots=True)
class ObservedNetwork:
    name: str
    uuid: UUID
    bridge: str
    forward: str
    is_active: bool
    autostart: bool
    addresses: tuple[str, ...] = ()
    """Network addresses with prefix, such as 192.168.122.1/24."""


class EventKind(StrEnum):
    GUEST = "guest"
    """A guest's state or definition may have changed: re-read it."""
    GUEST_REMOVED = "guest_removed"
    """A guest's definition was removed: gone, or transient while it still runs. When a transient one stops it is told as GUEST."""
    AGENT = "agent"
    POOL = "pool"
    NETWORK = "network"
    CLOSED = "closed"
    """The connection is gone: close it, connect again and reconcile."""


@dataclass(frozen=True, slots=True)
class HostEvent:
    """What an event callback puts on the queue. A hint that something changed, not the change itself.

    `power_state` is set when the event itself says the new state, so that the browser can be told before the re-read.
    """

    kind: EventKind
    at_monotonic_s: float
    uuid: UUID | None = None
    name: str = ""
    definition_changed: bool = False
    power_state: PowerState | None = None


@dataclass(frozen=True, slots=True)
class SnapshotDisk:
    """`path`: the file that holds the disk's state at the snapshot."""

    target: str
    path: str


@dataclass(frozen=True, slots=True)
class ObservedSnapshot:
    """One node of a guest's snapshot tree, as libvirt keeps it. `state` is that of the guest when it was taken; a snapshot of disks alone
    of a running guest is like a power cut, unless it was quiesced."""

    name: str
    description: str
    created_at_epoch_s: int
    parent: str
    is_current: bool
    kind: Literal["internal", "external"]
    has_memory: bool
    state: PowerState
    disks: tuple[SnapshotDisk, ...]
    memory_path: str = ""


@dataclass(frozen=True, slots=True)
class DiskSize:
    """`capacity_bytes` is what the guest sees, `allocation_bytes` what it has written, `file_bytes` what its file takes on the host."""

    target: str
    capacity_bytes: int
    allocation_bytes: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class AgentFilesystem:
    mount_point: str
    type: str
    total_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """What a guest's agent says of its guest. It may lie: text only, cut to size, and never more than something to show."""

    os_name: str = ""
    os_version: str = ""
    kernel: str = ""
    hostname: str = ""
    timezone: str = ""
    users: tuple[str, ...] = ()
    filesystems: tuple[AgentFilesystem, ...] = ()


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A device of the host that could be given to a guest. `used_by`: the running or stopped guest that names it. `why_not`: a sentence
    when it cannot be given away as it is."""

    device: HostDeviceSpec
    vendor: str
    product: str
    driver: str
    iommu_group: int | None
    used_by: UUID | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class HostOffers:
    """What definitions may ask of a host. CPU models are those its processor can run."""

    firmwares: tuple[str, ...]
    has_tpm: bool
    cpu_modes: tuple[str, ...]
    cpu_models: tuple[str, ...]
    videos: tuple[str, ...]
    disk_buses: tuple[str, ...]
    vcpus_max: int
