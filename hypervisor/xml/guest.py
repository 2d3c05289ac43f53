"""Whole guest definitions: built from a GuestSpec, parsed into an ObservedGuest or back into a GuestSpec.

The board is in `machine`, the parts in `disk`, `nic` and `host_device`; changing a definition is in `edits`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal
from uuid import UUID

from lxml import etree

from hypervisor.observed import ObservedGuest
from hypervisor.specs import GuestSpec
from hypervisor.xml.disk import build_disk, parse_disk
from hypervisor.xml.element import E
from hypervisor.xml.host_device import build_host_device
from hypervisor.xml.machine import (
    build_clock,
    build_cpu,
    build_features,
    build_memory,
    build_metadata,
    build_os,
    build_vcpu,
    parse_firmware,
)
from hypervisor.xml.nic import build_nic, parse_nic
from hypervisor.xml.safe import attribute_at, parse_xml, size_at, text_at

AGENT_CHANNEL = "org.qemu.guest_agent.0"
SPARE_PCI_PORTS = 12
"""q35 can only hot-plug into root ports that exist at boot; a plain guest uses about six of these."""

VirtType = Literal["kvm", "qemu", "test"]


def build_guest(spec: GuestSpec, *, virt_type: VirtType | None = None) -> etree._Element:
    """The definition of `spec`. `virt_type` replaces the spec's acceleration on libvirt's test driver, which knows only its own."""
    guest = E.domain(
        E.name(spec.name),
        E.uuid(str(spec.uuid)),
        E.title(" ".join(spec.title.split()) or spec.name),  # libvirt refuses a title with a line break
        type=virt_type or spec.acceleration,
    )
    if spec.description:
        guest.append(E.description(spec.description))
    if spec.system:
        guest.append(build_metadata(spec.system))
    guest.extend([*build_memory(spec), *build_vcpu(spec), build_os(spec), build_features(spec), build_cpu(spec), build_clock(spec)])
    guest.extend(
        [
            E.on_poweroff("destroy"),
            E.on_reboot("restart"),
            # A crashed guest is kept as it is, so that it is seen as crashed and its last screen can be read.
            E.on_crash("preserve"),
        ]
    )
    if spec.machine != "virt":
        # A guest that puts itself to sleep looks hung, and nobody can press its power button.
        guest.append(E.pm(E("suspend-to-mem", enabled="no"), E("suspend-to-disk", enabled="no")))
    guest.append(_devices(spec))
    return guest


def _devices(spec: GuestSpec) -> etree._Element:
    devices = E.devices(*(build_disk(disk) for disk in spec.disks), *_controllers(spec), *(build_nic(nic) for nic in spec.nics))
    devices.extend([*_lines(spec), *_screen(spec), *_helpers(spec)])
    devices.extend(build_host_device(device) for device in spec.host_devices)
    return devices


def _controllers(spec: GuestSpec) -> Iterator[etree._Element]:
    yield E.controller(type="usb", model="qemu-xhci")
    yield E.controller(type="virtio-serial", index="0")
    if any(disk.bus == "scsi" for disk in spec.disks):
        yield E.controller(type="scsi", index="0", model="virtio-scsi")
    if spec.machine != "pc":
        yield E.controller(type="pci", index="0", model="pcie-root")
        for _ in range(SPARE_PCI_PORTS):
            yield E.controller(type="pci", model="pcie-root-port")


def _lines(spec: GuestSpec) -> Iterator[etree._Element]:
    if spec.has_serial and spec.machine == "virt":
        yield E.serial(E.target(type="system-serial", port="0"), type="pty")
    elif spec.has_serial:
        yield E.serial(E.target(type="isa-serial", port="0"), type="pty")
    if spec.has_serial:
        yield E.console(E.target(type="serial", port="0"), type="pty")
    if spec.has_agent_channel:
        yield E.channel(E.source(mode="bind"), E.target(type="virtio", name=AGENT_CHANNEL), type="unix")


def _screen(spec: GuestSpec) -> Iterator[etree._Element]:
    if spec.has_tablet:
        yield E.input(type="tablet", bus="usb")  # absolute pointer: without it the pointer drifts in a browser
    if spec.machine == "virt":
        yield E.input(type="keyboard", bus="usb")  # the board has no PS/2
    if spec.display == "socket":
        # A socket on the host's file system, named by libvirt: reachable through virDomainOpenGraphicsFD only, never by network.
        yield E.graphics(E.listen(type="socket"), type="vnc")
    elif spec.display == "loopback":
        yield E.graphics(E.listen(type="address", address="127.0.0.1"), type="vnc", port="-1", autoport="yes")
    yield E.audio(id="1", type="none")
    yield E.video(E.model(type="none") if spec.video == "none" else E.model(type=spec.video, heads="1", primary="yes"))


def _helpers(spec: GuestSpec) -> Iterator[etree._Element]:
    yield E.memballoon(E.stats(period="10"), model="virtio") if spec.has_balloon else E.memballoon(model="none")
    if spec.has_rng:
        yield E.rng(E.backend("/dev/urandom", model="random"), model="virtio")
    if spec.has_tpm:
        model = {"q35": "tpm-crb", "pc": "tpm-tis", "virt": "tpm-tis"}[spec.machine]
        yield E.tpm(E.backend(type="emulator", version="2.0"), model=model)
    if spec.watchdog is not None:
        yield E.watchdog(model="i6300esb", action=spec.watchdog.action)
    if spec.machine != "virt":
        yield E.panic(model="isa")  # tells libvirt of a kernel panic: the guest is then "crashed", not "running"


def edit_size(guest: etree._Element, *, vcpus: int | None, memory_mib: int | None) -> None:
    """Set the number of vCPUs and the memory of a whole definition, with no room to grow; None leaves as it is."""
    if vcpus is not None:
        vcpu = guest.find("vcpu")
        if vcpu is None:
            vcpu = etree.SubElement(guest, "vcpu")
        vcpu.text = str(vcpus)
        vcpu.attrib.pop("current", "")
        edit_topology(guest, vcpus)
    if memory_mib is not None:
        for name in ("memory", "currentMemory"):
            memory = guest.find(name)
            if memory is None:
                memory = etree.SubElement(guest, name)
            memory.text = str(memory_mib)
            memory.set("unit", "MiB")


def edit_topology(guest: etree._Element, vcpus: int) -> None:
    """Keep sockets x cores x threads equal to the vCPUs, which libvirt insists on: more sockets, else single cores."""
    topology = guest.find("cpu/topology")
    if topology is None:
        return
    per_socket = int(str(topology.get("dies", "1"))) * int(str(topology.get("cores", "1"))) * int(str(topology.get("threads", "1")))
    if vcpus % per_socket:
        topology.set("dies", "1")
        topology.set("cores", "1")
        topology.set("threads", "1")
        per_socket = 1
    topology.set("sockets", str(vcpus // per_socket))


def parse_guest(
    definition: str, *, live: str = "", is_persistent: bool = True, autostart: bool = False, is_running: bool = False
) -> ObservedGuest:
    """`definition` is the inactive XML, so that its digest is the same while the guest runs; `live` tells what only a running guest has."""
    root = parse_xml(definition)
    live_root = parse_xml(live) if live else root
    devices = root.find("devices")
    if devices is None:
        devices = E.devices()
    agent = live_root.find(f"devices/channel/target[@name='{AGENT_CHANNEL}']")
    return ObservedGuest(
        uuid=UUID(text_at(root, "uuid")),
        name=text_at(root, "name"),
        title=text_at(root, "title"),
        vcpus=int(attribute_at(root, "vcpu", "current") or text_at(root, "vcpu", "1")),
        memory_mib=(size_at(root, "currentMemory", default_unit="KiB") or size_at(root, "memory", default_unit="KiB")) // 1024**2,
        acceleration=str(root.get("type", "")),
        machine=attribute_at(root, "os/type", "machine"),
        firmware=parse_firmware(root),
        is_persistent=is_persistent,
        autostart=autostart,
        digest=digest_of(root),
        display=_display(devices),
        has_serial=devices.find("serial") is not None,
        has_agent_channel=agent is not None,
        is_agent_connected=is_running and agent is not None and agent.get("state") == "connected",
        disks=tuple(parse_disk(disk) for disk in devices.findall("disk")),
        nics=tuple(parse_nic(nic) for nic in live_root.findall("devices/interface")),
    )


def digest_of(root: etree._Element) -> str:
    """A fingerprint of a definition that ignores attribute order; `parse_xml` has dropped the white space."""
    return hashlib.sha256(etree.tostring(root, method="c14n")).hexdigest()


def _display(devices: etree._Element) -> Literal["vnc-socket", "vnc-tcp", "other", "none"]:
    vnc = devices.find("graphics[@type='vnc']")
    if vnc is None:
        return "none" if devices.find("graphics") is None else "other"
    if vnc.get("socket") or vnc.find("listen[@type='socket']") is not None:
        return "vnc-socket"
    return "vnc-tcp"
