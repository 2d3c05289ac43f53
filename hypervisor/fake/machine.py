"""The fake host's state: guests, pools with their bytes, networks, listeners. What a call does to it is in `host`."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from hypervisor.errors import NotFoundOnHost
from hypervisor.fake.faults import Faults
from hypervisor.observed import AgentInfo, EventKind, HostDevice, HostEvent, PowerState
from hypervisor.specs import NetworkSpec, PoolSpec, VolumeSpec
from hypervisor.xml.guest import digest_of, parse_guest
from hypervisor.xml.safe import parse_xml

_NAMESPACE = UUID("6f1d7a52-0a57-4e0c-9d2b-2f6f4b4f3c11")

Listener = Callable[[HostEvent], None]


@dataclass
class FakeSnapshot:
    name: str
    xml: str
    held: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    """What an internal snapshot keeps inside its files: path -> (content, capacity)."""


@dataclass
class FakeAgent:
    """What a guest's agent tells, and what it was told."""

    info: AgentInfo = AgentInfo(os_name="Fake Linux", hostname="fake")
    files: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    ssh_keys: dict[str, list[str]] = field(default_factory=dict)
    is_frozen: bool = False


@dataclass
class FakeGuest:
    uuid: UUID
    xml: str
    """The definition."""
    power_state: PowerState = PowerState.SHUTOFF
    is_persistent: bool = True
    autostart: bool = False
    addresses: list[str] = field(default_factory=list)
    is_agent_connected: bool = False
    live_xml: str = ""
    """What runs; "" while stopped, or where a test made the guest run by itself: then it is the definition."""
    snapshots: list[FakeSnapshot] = field(default_factory=list)
    current_snapshot: str = ""
    is_saved: bool = False
    agent: FakeAgent = field(default_factory=FakeAgent)

    @property
    def name(self) -> str:
        return parse_guest(self.xml).name

    @property
    def is_active(self) -> bool:
        return self.power_state is not PowerState.SHUTOFF


@dataclass
class FakeVolume:
    spec: VolumeSpec
    path: str
    capacity_bytes: int
    content: bytes = b""


@dataclass
class FakePool:
    spec: PoolSpec
    capacity_bytes: int
    volumes: dict[str, FakeVolume] = field(default_factory=dict)

    @property
    def uuid(self) -> UUID:
        return uuid5(_NAMESPACE, f"pool/{self.spec.name}")

    @property
    def used_bytes(self) -> int:
        return sum(len(volume.content) for volume in self.volumes.values())


@dataclass
class FakeNetwork:
    spec: NetworkSpec

    @property
    def uuid(self) -> UUID:
        return uuid5(_NAMESPACE, f"network/{self.spec.name}")


@dataclass(frozen=True)
class HostSnapshot:
    """Everything on the host as comparable values: equal before and after means that nothing was left over."""

    guests: tuple[tuple[str, str, str, bool, bool, str], ...]
    """(uuid, name, power state, persistent, autostart, definition digest), sorted."""
    volumes: tuple[tuple[str, str, str, int, str, str], ...]
    """(pool, name, format, capacity, backing path, SHA-256 of the content), sorted."""
    pools: tuple[PoolSpec, ...]
    networks: tuple[NetworkSpec, ...]
    snapshots: tuple[tuple[str, str], ...] = ()
    """(guest's uuid, snapshot's name), sorted."""


class FakeMachine:
    """One host. Tests may change its state directly to play an administrator with virsh; `tell` then sends the event."""

    def __init__(self, *, label: str, cpus: int = 8, memory_mib: int = 32768, pool_capacity_bytes: int = 100 * 1024**3) -> None:
        self.label = label
        self.cpus = cpus
        self.memory_mib = memory_mib
        self.pool_capacity_bytes = pool_capacity_bytes
        self.faults = Faults()
        self.lock = threading.RLock()
        self.guests: dict[UUID, FakeGuest] = {}
        self.pools: dict[str, FakePool] = {}
        self.networks: dict[str, FakeNetwork] = {}
        self.host_devices: list[HostDevice] = []
        self.leases: dict[str, list[tuple[str, str, str]]] = {}
        """Network name -> (mac, address, hostname)."""
        self.listeners: list[Listener] = []
        self.serial_lines: list[tuple[UUID, Callable[[], None]]] = []
        """(guest, what ends the line), for every line opened."""
        self.connection_era = 0
        """Connections opened in an earlier era are dead."""

    @property
    def host_uuid(self) -> UUID:
        return uuid5(_NAMESPACE, f"host/{self.label}")

    def guest(self, uuid: UUID) -> FakeGuest:
        try:
            return self.guests[uuid]
        except KeyError:
            raise NotFoundOnHost(f"Guest {uuid} does not exist on host {self.label}.") from None

    def pool(self, name: str) -> FakePool:
        try:
            return self.pools[name]
        except KeyError:
            raise NotFoundOnHost(f'Pool "{name}" does not exist on host {self.label}.') from None

    def volume_at(self, path: str) -> FakeVolume:
        for pool in self.pools.values():
            for volume in pool.volumes.values():
                if volume.path == path:
                    return volume
        raise NotFoundOnHost(f"No file {path} on host {self.label}.")

    def tell(self, kind: EventKind, guest: FakeGuest | None = None, *, name: str = "", definition_changed: bool = False) -> None:
        """Send an event to every subscriber, in this thread."""
        event = HostEvent(
            kind=kind,
            at_monotonic_s=time.monotonic(),
            uuid=guest.uuid if guest else None,
            name=guest.name if guest else name,
            definition_changed=definition_changed,
            power_state=guest.power_state if guest and kind is EventKind.GUEST and not definition_changed else None,
        )
        for listener in list(self.listeners):
            listener(event)

    def set_power(self, guest: FakeGuest, state: PowerState) -> None:
        """Move a guest to `state` and tell; a transient guest that stops is gone."""
        if not guest.is_active and state is not PowerState.SHUTOFF:
            guest.live_xml = guest.xml
            guest.is_saved = False
        guest.power_state = state
        if state is PowerState.SHUTOFF:
            guest.live_xml = ""
            for uuid, end_line in self.serial_lines:
                if uuid == guest.uuid:
                    end_line()
            self.serial_lines = [line for line in self.serial_lines if line[0] != guest.uuid]
        if state is PowerState.SHUTOFF and not guest.is_persistent:
            del self.guests[guest.uuid]
        self.tell(EventKind.GUEST, guest)

    def drop_connections(self) -> None:
        """As when libvirtd restarts: guests keep running, every open connection is dead, events until the next connect are lost."""
        self.connection_era += 1
        self.tell(EventKind.CLOSED)
        self.listeners.clear()

    def snapshot(self) -> HostSnapshot:
        with self.lock:
            guests = self.guests.values()
            volumes = ((pool.spec.name, volume) for pool in self.pools.values() for volume in pool.volumes.values())
            return HostSnapshot(
                guests=tuple(
                    sorted(
                        (str(guest.uuid), guest.name, str(guest.power_state), guest.is_persistent, guest.autostart, _digest(guest))
                        for guest in guests
                    )
                ),
                volumes=tuple(sorted((pool, *_volume_facts(volume)) for pool, volume in volumes)),
                pools=tuple(sorted((pool.spec for pool in self.pools.values()), key=lambda spec: spec.name)),
                snapshots=tuple(sorted((str(guest.uuid), one.name) for guest in guests for one in guest.snapshots)),
                networks=tuple(sorted((network.spec for network in self.networks.values()), key=lambda spec: spec.name)),
            )


def _digest(guest: FakeGuest) -> str:
    return digest_of(parse_xml(guest.xml))


def _volume_facts(volume: FakeVolume) -> tuple[str, str, int, str, str]:
    content = hashlib.sha256(volume.content).hexdigest()
    return volume.spec.name, volume.spec.format, volume.capacity_bytes, volume.spec.backing_path, content
