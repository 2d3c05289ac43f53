"""Changing a definition that libvirt gave us, in place and as little as possible."""

from __future__ import annotations

from lxml import etree

from hypervisor.errors import Refused
from hypervisor.specs import GuestSpec
from hypervisor.xml.definition import parse_spec
from hypervisor.xml.guest import VirtType, build_guest, edit_topology
from hypervisor.xml.merge import merge


def edit_guest(guest: etree._Element, after: GuestSpec, *, virt_type: VirtType | None = None) -> None:
    """Make `guest` what `after` says where the two differ; everything a GuestSpec does not know stays as it is."""
    before = parse_spec(guest, autostart=after.autostart)
    if before.uuid != after.uuid:
        raise Refused("A guest's uuid cannot be changed.")
    was, will_be = build_guest(before, virt_type=virt_type), build_guest(after, virt_type=virt_type)
    if before.machine != after.machine:
        _forget_board(guest, was, will_be)
    if before.firmware != after.firmware:
        _forget_firmware(guest)
        _forget_firmware(was)
    merge(guest, before=was, after=will_be)


def _forget_board(*guests: etree._Element) -> None:
    """Addresses and controllers of one board mean nothing on another; libvirt makes them anew."""
    for guest in guests:
        for address in guest.findall("devices/*/address"):
            address.getparent().remove(address)  # type: ignore[union-attr]
    for controller in guests[0].findall("devices/controller") + guests[1].findall("devices/controller"):
        controller.getparent().remove(controller)  # type: ignore[union-attr]


def _forget_firmware(guest: etree._Element) -> None:
    """libvirt's choice of files for the old firmware."""
    os = guest.find("os")
    if os is not None:
        os.attrib.pop("firmware", "")
        for tag in ("loader", "nvram", "firmware"):
            for found in os.findall(tag):
                os.remove(found)


def edit_vcpus(guest: etree._Element, vcpus: int, *, maximum: int) -> None:
    """`maximum` of them, `vcpus` of which are there when it starts."""
    vcpu = guest.find("vcpu")
    if vcpu is None:
        vcpu = etree.SubElement(guest, "vcpu")
    if vcpu.text != str(maximum):
        vcpu.text = str(maximum)
        edit_topology(guest, maximum)
    vcpu.attrib.pop("current", "")
    if maximum != vcpus:
        vcpu.set("current", str(vcpus))
    for listed in guest.findall("vcpus"):  # libvirt's list of each vCPU's state, which it makes again
        guest.remove(listed)


def edit_memory(guest: etree._Element, memory_mib: int, *, maximum_mib: int) -> None:
    """`maximum_mib` of memory, of which the balloon leaves the guest `memory_mib`."""
    for name, mib in (("memory", maximum_mib), ("currentMemory", memory_mib)):
        element = guest.find(name)
        if element is None:
            element = etree.SubElement(guest, name)
        element.text = str(mib * 1024)
        element.set("unit", "KiB")
