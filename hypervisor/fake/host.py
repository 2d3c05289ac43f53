"""One connection to a fake host: the calls of `port.Host` about the host itself and its guests, done on a FakeMachine."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from uuid import UUID

from hypervisor.errors import AlreadyExists, NotFoundOnHost, Refused
from hypervisor.fake.calls import call
from hypervisor.fake.disks import FakeDisks
from hypervisor.fake.machine import FakeGuest
from hypervisor.fake.storage import FakeStorage
from hypervisor.observed import (
    EventKind,
    GuestState,
    GuestStats,
    HostDevice,
    HostEvent,
    HostLoad,
    HostOffers,
    ObservedGuest,
    ObservedHost,
    PowerState,
)
from hypervisor.operations.definitions import DefinitionOperations
from hypervisor.operations.devices import DeviceOperations
from hypervisor.operations.disks import DiskOperations
from hypervisor.operations.snapshots import SnapshotOperations
from hypervisor.specs import GuestSpec
from hypervisor.xml.allowlist import check_guest
from hypervisor.xml.definition import parse_spec
from hypervisor.xml.guest import build_guest, edit_size, parse_guest
from hypervisor.xml.safe import parse_xml, to_text

_BLANK_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=")


class FakeSerialLine:
    """A line whose guest greets and then echoes what it is sent."""

    def __init__(self) -> None:
        self._ours, self._guests = socket.socketpair()
        self._guests.sendall(b"kvmweb echo guest\r\n")
        threading.Thread(target=self._echo, daemon=True).start()

    def fileno(self) -> int:
        return self._ours.fileno()

    def close(self) -> None:
        self._ours.close()
        self.end()

    def end(self) -> None:
        """As when the guest stops."""
        with suppress(OSError):
            self._guests.shutdown(socket.SHUT_RDWR)

    def _echo(self) -> None:
        with suppress(OSError), self._guests:
            while data := self._guests.recv(65536):
                self._guests.sendall(data)


class FakeHost(FakeDisks, FakeStorage):
    # observing
    @call
    def info(self) -> ObservedHost:
        machine = self.machine
        return ObservedHost(
            hostname=machine.label,
            host_uuid=str(machine.host_uuid),
            driver="fake",
            libvirt_version="9.0.0",
            hypervisor_version="7.2.0",
            architecture="x86_64",
            cpu_model="Fake CPU",
            cpu_sockets=1,
            cpu_cores=machine.cpus,
            cpu_threads=1,
            cpus=machine.cpus,
            cpu_mhz=2000,
            numa_nodes=1,
            memory_mib=machine.memory_mib,
            memory_free_mib=self._free_mib(),
            acceleration="qemu",
            acceleration_reason="A fake host has no processor.",
            machines=("pc", "q35"),
        )

    @call
    def offers(self, machine: str = "q35") -> HostOffers:
        firmwares, modes = ("bios", "uefi", "uefi-secure"), ("host-passthrough", "host-model", "maximum", "custom")
        return HostOffers(
            firmwares, True, modes, ("qemu64",), ("vga", "virtio", "qxl", "bochs", "none"), ("virtio", "sata", "scsi", "usb"), 255
        )

    @call
    def host_devices(self) -> list[HostDevice]:
        users = {device: guest.uuid for guest in self.machine.guests.values() for device in parse_spec(parse_xml(guest.xml)).host_devices}
        return [replace(one, used_by=users.get(one.device)) for one in self.machine.host_devices]

    @call
    def load(self) -> HostLoad:
        return HostLoad(
            memory_free_mib=self._free_mib(),
            memory_total_mib=self.machine.memory_mib,
            cpu_busy_ns=0,
            cpu_total_ns=time.monotonic_ns() * self.machine.cpus,
        )

    @call
    def guest_states(self) -> list[GuestState]:
        return [_state(guest) for guest in self.machine.guests.values()]

    @call
    def guest_state(self, uuid: UUID) -> GuestState | None:
        found = self.machine.guests.get(uuid)
        return _state(found) if found else None

    @call
    def guest(self, uuid: UUID) -> ObservedGuest | None:
        found = self.machine.guests.get(uuid)
        return _observed(found) if found else None

    @call
    def guest_xml(self, uuid: UUID) -> str:
        return self.machine.guest(uuid).xml

    @call
    def guest_stats(self) -> list[GuestStats]:
        now = time.monotonic()
        return [
            GuestStats(uuid=guest.uuid, at_monotonic_s=now, vcpus=_observed(guest).vcpus, cpu_time_ns=int(now * 1e8))
            for guest in self.machine.guests.values()
            if guest.is_active
        ]

    @call
    def guest_addresses(self, uuid: UUID) -> list[str]:
        return list(self.machine.guest(uuid).addresses)

    def subscribe(self, on_event: Callable[[HostEvent], None]) -> AbstractContextManager[None]:
        return self._subscription(on_event)

    @contextmanager
    def _subscription(self, on_event: Callable[[HostEvent], None]) -> Iterator[None]:
        self.machine.listeners.append(on_event)
        try:
            yield
        finally:
            if on_event in self.machine.listeners:
                self.machine.listeners.remove(on_event)

    # guests
    @call
    def define_guest(self, spec: GuestSpec) -> None:
        machine = self.machine
        xml = to_text(build_guest(spec))
        check_guest(parse_xml(xml), pool_paths=self._pool_paths(), host_devices=spec.host_devices)
        if any(guest.name == spec.name and guest.uuid != spec.uuid for guest in machine.guests.values()):
            raise AlreadyExists(f'A guest named "{spec.name}" exists on host {machine.label} already.')
        guest = machine.guests.setdefault(spec.uuid, FakeGuest(spec.uuid, xml))
        guest.xml = xml
        guest.is_persistent = True
        machine.tell(EventKind.GUEST, guest, definition_changed=True)

    @call
    def undefine_guest(self, uuid: UUID) -> None:
        guest = self.machine.guests.get(uuid)
        if guest is None or not guest.is_persistent:
            return
        guest.is_persistent = guest.autostart = False
        guest.snapshots, guest.current_snapshot = [], ""
        if not guest.is_active:
            del self.machine.guests[uuid]
        self.machine.tell(EventKind.GUEST_REMOVED, guest)

    @call
    def start_guest(self, uuid: UUID) -> None:
        guest = self.machine.guest(uuid)
        if guest.is_active:
            return
        observed = _observed(guest)
        paths = {volume.path for pool in self.machine.pools.values() for volume in pool.volumes.values()}
        for disk in observed.disks:
            if disk.path and disk.path not in paths:
                raise Refused(f"Cannot access storage file '{disk.path}': No such file or directory")
        for nic in observed.nics:
            if nic.network not in self.machine.networks:
                raise NotFoundOnHost(f"Network not found: no network with matching name '{nic.network}'")
        self.machine.set_power(guest, PowerState.RUNNING)

    @call
    def shutdown_guest(self, uuid: UUID) -> None:
        guest = self.machine.guest(uuid)
        if guest.is_active and not self.machine.faults.ignores_shutdown(uuid):
            self.machine.set_power(guest, PowerState.SHUTOFF)

    @call
    def reboot_guest(self, uuid: UUID) -> None:
        guest = self._active(uuid)
        if not self.machine.faults.ignores_shutdown(uuid):
            self.machine.tell(EventKind.GUEST, guest)

    @call
    def reset_guest(self, uuid: UUID) -> None:
        self.machine.tell(EventKind.GUEST, self._active(uuid))

    @call
    def force_off_guest(self, uuid: UUID) -> None:
        guest = self.machine.guest(uuid)
        if guest.is_active:
            self.machine.set_power(guest, PowerState.SHUTOFF)

    @call
    def suspend_guest(self, uuid: UUID) -> None:
        guest = self._active(uuid)
        if guest.power_state is not PowerState.PAUSED:
            self.machine.set_power(guest, PowerState.PAUSED)

    @call
    def resume_guest(self, uuid: UUID) -> None:
        guest = self._active(uuid)
        if guest.power_state is not PowerState.RUNNING:
            self.machine.set_power(guest, PowerState.RUNNING)

    @call
    def set_autostart(self, uuid: UUID, *, enabled: bool) -> None:
        self.machine.guest(uuid).autostart = enabled

    @call
    def resize_guest(self, uuid: UUID, *, vcpus: int | None, memory_mib: int | None) -> None:
        guest = self.machine.guest(uuid)
        definition = parse_xml(guest.xml)
        edit_size(definition, vcpus=vcpus, memory_mib=memory_mib)
        guest.xml = to_text(definition)
        self.machine.tell(EventKind.GUEST, guest, definition_changed=True)

    @call
    def screenshot(self, uuid: UUID) -> bytes:
        self._active(uuid)
        return _BLANK_PNG

    # consoles
    @call
    def open_display(self, uuid: UUID) -> int:
        self._active(uuid)
        ours, guests = socket.socketpair()
        guests.sendall(b"RFB 003.008\n")
        guests.close()
        return ours.detach()

    @call
    def open_serial(self, uuid: UUID, *, take_over: bool) -> FakeSerialLine:
        self._active(uuid)
        line = FakeSerialLine()
        self.machine.serial_lines.append((uuid, line.end))
        return line

    def _active(self, uuid: UUID) -> FakeGuest:
        guest = self.machine.guest(uuid)
        if not guest.is_active:
            raise Refused(f'Guest "{guest.name}" is not running. Start it first.')
        return guest

    def _free_mib(self) -> int:
        used = sum(_observed(guest).memory_mib for guest in self.machine.guests.values() if guest.is_active)
        return max(0, self.machine.memory_mib - used)


def _state(guest: FakeGuest) -> GuestState:
    return GuestState(guest.uuid, guest.name, guest.power_state)


def _observed(guest: FakeGuest) -> ObservedGuest:
    observed = parse_guest(guest.xml, is_persistent=guest.is_persistent, autostart=guest.autostart)
    return replace(observed, is_agent_connected=guest.is_agent_connected and guest.is_active)


for _operations in (DefinitionOperations, DeviceOperations, SnapshotOperations, DiskOperations):
    for _name in [name for name in vars(_operations) if not name.startswith("_")]:
        # Every operation is one call of the port: counted once, and failed on demand.
        setattr(FakeHost, _name, call(getattr(_operations, _name)))
