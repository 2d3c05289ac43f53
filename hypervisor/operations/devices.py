"""Plugging in, changing and unplugging disks, NICs and host devices: in the running guest where it can be, and in its definition."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from lxml import etree

from hypervisor.errors import AlreadyExists, NotFoundOnHost, Refused, Unsupported
from hypervisor.operations.primitives import GuestPrimitives
from hypervisor.outcomes import ChangeResult, Took
from hypervisor.specs import DiskSpec, HostDeviceSpec, NicSpec
from hypervisor.xml.allowlist import check_device
from hypervisor.xml.disk import (
    build_disk,
    drive_of,
    edit_eject,
    edit_insert,
    find_disk,
    limits_of,
    parse_disk_spec,
)
from hypervisor.xml.element import E
from hypervisor.xml.host_device import build_host_device, find_host_device
from hypervisor.xml.merge import merge
from hypervisor.xml.nic import build_nic, find_nic, parse_nic_spec

T = TypeVar("T")
Find = Callable[[etree._Element], etree._Element | None]
LOOK_EVERY_S = 0.1


class DeviceOperations(GuestPrimitives):
    # disks and drives
    def attach_disk(self, uuid: UUID, disk: DiskSpec) -> ChangeResult:
        def is_it(found: etree._Element) -> bool:
            there = parse_disk_spec(found)
            return there is not None and (there.path, there.bus, there.device) == (disk.path, disk.bus, disk.device)

        return self._attach(uuid, build_disk(disk), lambda guest: find_disk(guest, disk.target), is_it, f"A disk {disk.target}")

    def detach_disk(self, uuid: UUID, target: str, *, timeout_s: float = 10.0) -> ChangeResult:
        return self._detach(uuid, lambda guest: find_disk(guest, target), f"disk {target}", timeout_s)

    def change_disk(self, uuid: UUID, disk: DiskSpec) -> ChangeResult:
        """Everything but the target, the file and the kind of device may differ from what is there. Limits take effect at once."""
        live = self._live(uuid)
        took = Took.ALREADY
        if live is not None:
            running = parse_disk_spec(_needed(find_disk(live, disk.target), f"disk {disk.target}"))
            if running is not None and running.limits != disk.limits:
                took = self._try_now(lambda: self._limit_disk(uuid, disk.target, limits_of(disk.limits)))[0]
                running = replace(running, limits=disk.limits) if took is Took.NOW else running
            took = took if running == disk else Took.NEXT_BOOT

        def edit(definition: etree._Element) -> None:
            element = _needed(find_disk(definition, disk.target), f"disk {disk.target}")
            before = parse_disk_spec(element)
            if before is None or before.path != disk.path or before.device != disk.device:
                raise Refused(f"Disk {disk.target} is on another file by now. Look at the guest again.")
            _merge_with_address(element, build_disk(before), build_disk(disk))

        return self._edited(uuid, edit, took)

    def insert_media(self, uuid: UUID, target: str, path: str) -> ChangeResult:
        check_device(build_disk(DiskSpec(target, path, "raw", device="cdrom", bus="sata")), pool_paths=self._pool_paths())
        return self._change_media(uuid, target, path)

    def eject_media(self, uuid: UUID, target: str) -> ChangeResult:
        return self._change_media(uuid, target, "")

    def _change_media(self, uuid: UUID, target: str, path: str) -> ChangeResult:
        def put(guest: etree._Element) -> etree._Element:
            return edit_insert(guest, target, path=path) if path else edit_eject(guest, target)

        def holds(guest: etree._Element) -> str:
            source = drive_of(guest, target).find("source")
            return "" if source is None else str(source.get("file", "?"))

        live, took, note = self._live(uuid), Took.ALREADY, ""
        if live is not None and holds(live) != path:
            took, note = self._try_now(lambda: self._replug(uuid, put(live)))
        return self._edited(uuid, lambda definition: holds(definition) == path or put(definition), took, note)

    def grow_disk(self, uuid: UUID, target: str, capacity_bytes: int) -> ChangeResult:
        """A disk never shrinks. The guest sees its new size at once; growing the file system is the guest's own business."""
        live = self._live(uuid)
        element = _needed(find_disk(live if live is not None else self._definition(uuid), target), f"disk {target}")
        disk = parse_disk_spec(element)
        if disk is None or disk.device == "cdrom":
            raise Refused(f"Disk {target} cannot grow: it is no disk in a file.")
        present = self._disk_capacity(uuid, target)
        if present >= capacity_bytes:
            if present > capacity_bytes:
                raise Refused(f"Disk {target} has {present} bytes already; it cannot shrink to {capacity_bytes}.")
            return ChangeResult(Took.ALREADY)
        if live is not None:
            self._grow_live_disk(uuid, target, capacity_bytes)
        else:
            self._grow_file(disk.path, capacity_bytes)
        return ChangeResult(Took.NOW)

    # network interfaces
    def attach_nic(self, uuid: UUID, nic: NicSpec) -> ChangeResult:
        def is_it(found: etree._Element) -> bool:
            there = parse_nic_spec(found)
            return there is not None and (there.network, there.model) == (nic.network, nic.model)

        return self._attach(uuid, build_nic(nic), lambda guest: find_nic(guest, nic.mac), is_it, f"A network interface {nic.mac}")

    def detach_nic(self, uuid: UUID, mac: str, *, timeout_s: float = 10.0) -> ChangeResult:
        return self._detach(uuid, lambda guest: find_nic(guest, mac), f"network interface {mac}", timeout_s)

    def change_nic(self, uuid: UUID, nic: NicSpec) -> ChangeResult:
        """Found by its MAC. Network, link, bandwidth and filter take effect at once; model, MTU and boot order at the next boot."""
        live, took, note = self._live(uuid), Took.ALREADY, ""
        if live is not None:
            element = _needed(find_nic(live, nic.mac), f"network interface {nic.mac}")
            running = _needed(parse_nic_spec(element), f"network interface {nic.mac} on a libvirt network")
            soon = replace(
                running,
                network=nic.network,
                is_link_up=nic.is_link_up,
                bandwidth=nic.bandwidth,
                filter=nic.filter,
                filter_addresses=nic.filter_addresses,
            )
            if soon != running:
                _merge_live_nic(element, running, soon)
                took, note = self._try_now(lambda: self._replug(uuid, element))
            if took is not Took.NEXT_BOOT and soon != nic:
                took, note = Took.NEXT_BOOT, "The model, MTU and boot order of a network interface change when the guest is started anew."

        def edit(definition: etree._Element) -> None:
            element = _needed(find_nic(definition, nic.mac), f"network interface {nic.mac}")
            before = _needed(parse_nic_spec(element), f"network interface {nic.mac} on a libvirt network")
            _merge_with_address(element, build_nic(before), build_nic(nic))

        return self._edited(uuid, edit, took, note)

    # host devices
    def attach_host_device(self, uuid: UUID, device: HostDeviceSpec) -> ChangeResult:
        element = build_host_device(device)
        return self._attach(
            uuid, element, lambda guest: find_host_device(guest, device), lambda _found: True, f"Host device {device}", granted=(device,)
        )

    def detach_host_device(self, uuid: UUID, device: HostDeviceSpec, *, timeout_s: float = 10.0) -> ChangeResult:
        return self._detach(uuid, lambda guest: find_host_device(guest, device), f"host device {device}", timeout_s)

    # shared
    def _attach(
        self,
        uuid: UUID,
        device: etree._Element,
        find: Find,
        is_it: Callable[[etree._Element], bool],
        what: str,
        *,
        granted: Collection[HostDeviceSpec] = (),
    ) -> ChangeResult:
        check_device(device, pool_paths=self._pool_paths(), host_devices=granted)
        live, took, note = self._live(uuid), Took.ALREADY, ""
        if live is not None and not _is_there(live, find, is_it, what):
            took, note = self._try_now(lambda: self._plug_with_controller(uuid, live, device))

        def edit(definition: etree._Element) -> None:
            if not _is_there(definition, find, is_it, what):
                definition.find("devices").extend([*_missing_controller(definition, device), copy.deepcopy(device)])  # type: ignore[union-attr]

        return self._edited(uuid, edit, took, note)

    def _plug_with_controller(self, uuid: UUID, live: etree._Element, device: etree._Element) -> None:
        for controller in _missing_controller(live, device):
            self._plug(uuid, controller)
        self._plug(uuid, device)

    def _detach(self, uuid: UUID, find: Find, what: str, timeout_s: float) -> ChangeResult:
        live, took, note = self._live(uuid), Took.ALREADY, ""
        plugged = None if live is None else find(live)
        if plugged is not None:
            took, note = self._try_now(lambda: self._unplug(uuid, plugged))
            if took is Took.NOW and not self._is_gone_within(uuid, find, timeout_s):
                took = Took.WAITING_FOR_GUEST
                note = f"The guest has not let go of {what} yet: its system may be busy, or still starting. It is gone at its next stop."

        def edit(definition: etree._Element) -> None:
            found = find(definition)
            if found is not None:
                found.getparent().remove(found)  # type: ignore[union-attr]

        return self._edited(uuid, edit, took, note)

    def _is_gone_within(self, uuid: UUID, find: Find, timeout_s: float) -> bool:
        """libvirt tells by an event too; looking is right even where that was lost."""
        give_up_at = time.monotonic() + timeout_s
        while (live := self._live(uuid)) is not None and find(live) is not None:
            if time.monotonic() >= give_up_at:
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    def _try_now(self, act: Callable[[], None], *, refused_is_next_boot: bool = False) -> tuple[Took, str]:
        try:
            act()
        except Unsupported as error:
            return Took.NEXT_BOOT, f"Not while the guest runs: {error}"
        except Refused as error:
            if refused_is_next_boot:
                return Took.NEXT_BOOT, f"The running guest does not take it: {error}"
            if "No more available PCI slots" in str(error):
                return Took.NEXT_BOOT, "The guest has no free slot for another device until it is started anew."
            if "does not support hotplugging" in str(error):
                return Took.NEXT_BOOT, "This bus takes no devices while the guest runs."
            raise
        return Took.NOW, ""

    def _edited(self, uuid: UUID, edit: Callable[[etree._Element], object], took: Took, note: str = "") -> ChangeResult:
        """Change the definition too, unless it is so already or the guest is transient and has none."""
        if not self._is_persistent(uuid):
            return ChangeResult(took, note)
        definition = self._definition(uuid)
        before = etree.tostring(definition, method="c14n")
        edit(definition)
        if etree.tostring(definition, method="c14n") == before:
            return ChangeResult(took, note)
        self._define(definition)
        if took is Took.ALREADY:
            # A running guest that had it before its definition did.
            return ChangeResult(Took.NOW, note)
        return ChangeResult(took, note)


def _is_there(guest: etree._Element, find: Find, is_it: Callable[[etree._Element], bool], what: str) -> bool:
    found = find(guest)
    if found is not None and not is_it(found):
        raise AlreadyExists(f"{what} is there already, and it is another one. Choose another name or address.")
    return found is not None


def _needed(found: T | None, what: str) -> T:
    if found is None:
        raise NotFoundOnHost(f"The guest has no {what}.")
    return found


def _missing_controller(guest: etree._Element, device: etree._Element) -> list[etree._Element]:
    """libvirt would make up an LSI controller for the first SCSI disk, which many systems cannot drive."""
    target = device.find("target")
    if device.tag != "disk" or target is None or target.get("bus") != "scsi" or guest.find("devices/controller[@type='scsi']") is not None:
        return []
    return [E.controller(type="scsi", index="0", model="virtio-scsi")]


def _merge_with_address(element: etree._Element, before: etree._Element, after: etree._Element) -> None:
    was, will_be = before.find("target"), after.find("target")
    merge(element, before=before, after=after)
    if was is not None and will_be is not None and was.get("bus") != will_be.get("bus"):
        for address in element.findall("address"):
            element.remove(address)


def _merge_live_nic(element: etree._Element, running: NicSpec, soon: NicSpec) -> None:
    merge(element, before=build_nic(running), after=build_nic(soon))
    source = element.find("source")
    if source is not None and running.network != soon.network:
        for name in ("portid", "bridge"):  # of the old network
            source.attrib.pop(name, "")
