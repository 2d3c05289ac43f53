"""A definition read back in our own words: what of it we know as a GuestSpec, and the names of what we do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from lxml import etree

from hypervisor.specs import GuestSpec, Watchdog
from hypervisor.xml.disk import parse_disk_spec
from hypervisor.xml.guest import AGENT_CHANNEL, digest_of
from hypervisor.xml.host_device import parse_host_device
from hypervisor.xml.machine import (
    parse_cpu,
    parse_firmware,
    parse_hugepages_kib,
    parse_machine,
    parse_numa,
    parse_pins,
    parse_sizes,
    parse_system,
)
from hypervisor.xml.nic import parse_nic_spec
from hypervisor.xml.safe import attribute_at, parse_xml, text_at


@dataclass(frozen=True, slots=True)
class GuestDefinition:
    """`spec` is what we can build and change; `foreign` names devices that we leave alone, such as "disk vdb (network)"."""

    spec: GuestSpec
    foreign: tuple[str, ...]
    digest: str


def parse_definition(text: str, *, autostart: bool = False) -> GuestDefinition:
    """`autostart` is no part of the XML; pass it where it is known."""
    root = parse_xml(text)
    return GuestDefinition(parse_spec(root, autostart=autostart), tuple(_foreign(root)), digest_of(root))


def parse_spec(root: etree._Element, *, autostart: bool = False) -> GuestSpec:
    """What of a definition we know. `parse_spec(build_guest(spec)) == spec` for every spec."""
    acceleration: Literal["kvm", "qemu"] = "kvm" if root.get("type") == "kvm" else "qemu"
    iothreads = text_at(root, "iothreads", "0")
    return GuestSpec(
        uuid=UUID(text_at(root, "uuid")),
        name=text_at(root, "name"),
        title=text_at(root, "title") or text_at(root, "name"),
        description=text_at(root, "description"),
        acceleration=acceleration,
        autostart=autostart,
        machine=parse_machine(root),
        firmware=parse_firmware(root),
        cpu=parse_cpu(root, acceleration),
        clock="localtime" if attribute_at(root, "clock", "offset") == "localtime" else "utc",
        has_hyperv=root.find("features/hyperv") is not None,
        has_boot_menu=attribute_at(root, "os/bootmenu", "enable") == "yes",
        iothreads=int(iothreads),
        numa=parse_numa(root),
        vcpu_pins=parse_pins(root),
        emulator_cpus=attribute_at(root, "cputune/emulatorpin", "cpuset"),
        hugepages_kib=parse_hugepages_kib(root),
        system=parse_system(root),
        **parse_sizes(root),  # type: ignore[arg-type]
        **_parse_devices(root),  # type: ignore[arg-type]
    )


def _parse_devices(root: etree._Element) -> dict[str, object]:
    devices = root.find("devices")
    if devices is None:
        devices = etree.Element("devices")
    disks = (parse_disk_spec(disk) for disk in devices.findall("disk"))
    nics = (parse_nic_spec(nic) for nic in devices.findall("interface"))
    host_devices = (parse_host_device(hostdev) for hostdev in devices.findall("hostdev"))
    watchdog = devices.find("watchdog[@model='i6300esb']")
    video = attribute_at(devices, "video/model", "type", "none")
    return {
        "disks": tuple(disk for disk in disks if disk is not None),
        "nics": tuple(nic for nic in nics if nic is not None),
        "host_devices": tuple(device for device in host_devices if device is not None),
        "video": video if video in ("virtio", "vga", "qxl", "bochs", "none") else "vga",
        "display": _display(devices),
        "has_tpm": devices.find("tpm") is not None,
        "has_rng": devices.find("rng") is not None,
        "has_balloon": attribute_at(devices, "memballoon", "model", "virtio") != "none",
        "has_agent_channel": devices.find(f"channel/target[@name='{AGENT_CHANNEL}']") is not None,
        "has_tablet": devices.find("input[@type='tablet']") is not None,
        "has_serial": devices.find("serial") is not None,
        "watchdog": None if watchdog is None else Watchdog(action=str(watchdog.get("action", "reset"))),  # type: ignore[arg-type]
    }


def _display(devices: etree._Element) -> str:
    vnc = devices.find("graphics[@type='vnc']")
    if vnc is None:
        return "none"
    return "socket" if vnc.get("socket") or vnc.find("listen[@type='socket']") is not None else "loopback"


def _foreign(root: etree._Element) -> Iterator[str]:
    for disk in root.findall("devices/disk"):
        if parse_disk_spec(disk) is None:
            yield f"disk {attribute_at(disk, 'target', 'dev')} ({disk.get('type')}, {disk.get('device', 'disk')})"
    for nic in root.findall("devices/interface"):
        if parse_nic_spec(nic) is None:
            yield f"network interface {attribute_at(nic, 'mac', 'address')} ({nic.get('type')})"
    for hostdev in root.findall("devices/hostdev"):
        if parse_host_device(hostdev) is None:
            yield f"host device ({hostdev.get('type')})"
    for tag in ("filesystem", "shmem", "redirdev", "smartcard", "vsock", "nvram", "memory", "iommu", "sound", "crypto"):
        yield from (tag for _found in root.findall(f"devices/{tag}"))
    yield from ("QEMU command line" for child in root if etree.QName(child).localname == "commandline")
