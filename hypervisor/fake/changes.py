"""The fake's side of changing guests: the primitives that `hypervisor.operations` is built on, done on two pieces of XML."""

from __future__ import annotations

import copy
from collections.abc import Callable
from uuid import UUID

from lxml import etree

from hypervisor.errors import AlreadyExists, NotFoundOnHost, Refused, Unsupported
from hypervisor.fake.calls import FakeConnection, call
from hypervisor.fake.machine import FakeGuest
from hypervisor.observed import EventKind
from hypervisor.operations.definitions import DefinitionOperations
from hypervisor.xml.disk import LIMITS, find_disk
from hypervisor.xml.element import E
from hypervisor.xml.guest import AGENT_CHANNEL, VirtType
from hypervisor.xml.merge import keys_of
from hypervisor.xml.safe import attribute_at, parse_xml, text_at, to_text

_HOT_PLUG_BUSES = {"virtio", "scsi", "usb"}


class FakeGuestChanges(DefinitionOperations, FakeConnection):
    def _virt_type(self) -> VirtType | None:
        return None

    def _definition(self, uuid: UUID) -> etree._Element:
        return parse_xml(self.machine.guest(uuid).xml)

    _told_definition = _definition

    def _live(self, uuid: UUID) -> etree._Element | None:
        guest = self.machine.guest(uuid)
        if not guest.is_active:
            return None
        live = parse_xml(guest.live_xml or guest.xml)
        agent = live.find(f"devices/channel/target[@name='{AGENT_CHANNEL}']")
        if agent is not None:
            agent.set("state", "connected" if guest.is_agent_connected else "disconnected")
        return live

    def _is_persistent(self, uuid: UUID) -> bool:
        return self.machine.guest(uuid).is_persistent

    def _has_autostart(self, uuid: UUID) -> bool:
        return self.machine.guest(uuid).autostart

    def _define(self, definition: etree._Element) -> None:
        guest = self.machine.guest(UUID(text_at(definition, "uuid")))
        guest.xml = to_text(definition)
        self.machine.tell(EventKind.GUEST, guest, definition_changed=True)

    def _plug(self, uuid: UUID, device: etree._Element) -> None:
        if device.tag == "disk":
            if attribute_at(device, "target", "bus") not in _HOT_PLUG_BUSES:
                raise Unsupported(f"A disk on {attribute_at(device, 'target', 'bus')} cannot be plugged into a running guest.")
            self._must_exist(device)
        if device.tag == "interface":
            self._must_have_network(device)
        self._edit_live(uuid, lambda devices: devices.append(copy.deepcopy(device)))

    def _unplug(self, uuid: UUID, device: etree._Element) -> None:
        if device.tag == "disk" and attribute_at(device, "target", "bus") not in _HOT_PLUG_BUSES:
            raise Unsupported(f"A disk on {attribute_at(device, 'target', 'bus')} cannot be unplugged from a running guest.")
        if uuid not in self.machine.faults.guests_holding_on:
            self._edit_live(uuid, lambda devices: devices.remove(_like(devices, device)))

    def _replug(self, uuid: UUID, device: etree._Element) -> None:
        if device.tag == "disk" and device.find("source") is not None:
            self._must_exist(device)
        if device.tag == "interface":
            self._must_have_network(device)
        self._edit_live(uuid, lambda devices: devices.replace(_like(devices, device), copy.deepcopy(device)))

    def _limit_disk(self, uuid: UUID, target: str, limits: dict[str, int]) -> None:
        def edit(devices: etree._Element) -> None:
            disk = next(disk for disk in devices.findall("disk") if attribute_at(disk, "target", "dev") == target)
            for old in disk.findall("iotune"):
                disk.remove(old)
            if any(limits.values()):
                disk.append(E.iotune(*(E(name, str(limits[name])) for name in LIMITS if limits[name])))

        self._edit_live(uuid, edit)

    def _set_live_vcpus(self, uuid: UUID, vcpus: int) -> None:
        def edit(guest: etree._Element) -> None:
            element = guest.find("vcpu")
            assert element is not None
            element.set("current", str(vcpus))

        self._edit_running(uuid, edit)

    def _set_live_memory(self, uuid: UUID, memory_mib: int) -> None:
        def edit(guest: etree._Element) -> None:
            element = guest.find("currentMemory")
            assert element is not None
            element.text = str(memory_mib)
            element.set("unit", "MiB")

        self._edit_running(uuid, edit)

    def _grow_live_disk(self, uuid: UUID, target: str, capacity_bytes: int) -> None:
        live = self._live(uuid)
        disk = None if live is None else find_disk(live, target)
        assert disk is not None
        self._grow_file(attribute_at(disk, "source", "file"), capacity_bytes)

    def _disk_capacity(self, uuid: UUID, target: str) -> int:
        guest = self.machine.guest(uuid)
        disk = find_disk(parse_xml(guest.live_xml or guest.xml), target)
        if disk is None:
            raise NotFoundOnHost(f"The guest has no disk {target}.")
        return self.machine.volume_at(attribute_at(disk, "source", "file")).capacity_bytes

    def _grow_file(self, path: str, capacity_bytes: int) -> None:
        if self.machine.faults.has_no_space:
            raise Refused("No space left on device.")
        self.machine.volume_at(path).capacity_bytes = capacity_bytes

    def _trusted_files(self) -> list[str]:
        return []

    def _pool_paths(self) -> list[str]:
        return [pool.spec.path for pool in self.machine.pools.values()]

    @call
    def rename_guest(self, uuid: UUID, name: str) -> None:
        guest = self.machine.guest(uuid)
        if guest.name == name:
            return
        if guest.is_active:
            raise Refused("A running guest cannot be renamed on its host. Stop it first.")
        if any(other.name == name for other in self.machine.guests.values()):
            raise AlreadyExists(f'A guest named "{name}" exists already.')
        definition = parse_xml(guest.xml)
        element = definition.find("name")
        assert element is not None
        element.text = name
        self._define(definition)

    # shared
    def _must_exist(self, disk: etree._Element) -> None:
        path = attribute_at(disk, "source", "file")
        try:
            self.machine.volume_at(path)
        except NotFoundOnHost:
            raise Refused(f"Cannot access storage file '{path}': No such file or directory") from None

    def _must_have_network(self, nic: etree._Element) -> None:
        name = attribute_at(nic, "source", "network")
        if name not in self.machine.networks:
            raise NotFoundOnHost(f"Network not found: no network with matching name '{name}'")

    def _edit_live(self, uuid: UUID, edit: Callable[[etree._Element], object]) -> None:
        def on_devices(guest: etree._Element) -> None:
            devices = guest.find("devices")
            assert devices is not None
            edit(devices)

        self._edit_running(uuid, on_devices)

    def _edit_running(self, uuid: UUID, edit: Callable[[etree._Element], object]) -> None:
        guest: FakeGuest = self.machine.guest(uuid)
        live = parse_xml(guest.live_xml or guest.xml)
        edit(live)
        guest.live_xml = to_text(live)
        self.machine.tell(EventKind.GUEST, guest, definition_changed=True)


def _like(devices: etree._Element, device: etree._Element) -> etree._Element:
    """The device of a guest that is the same as `device`, which came from a copy of its XML."""
    wanted = next(iter(keys_of(E.devices(copy.deepcopy(device)))))
    return keys_of(devices)[wanted]
