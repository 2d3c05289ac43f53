"""Whole guest definitions: built from a GuestSpec, parsed into an ObservedGuest. The parts live in `disk` and `nic`."""

from __future__ import annotations

import hashlib
from typing import Literal
from uuid import UUID

from lxml import etree

from hypervisor.observed import ObservedGuest
from hypervisor.specs import GuestSpec
from hypervisor.xml.disk import build_disk, parse_disk
from hypervisor.xml.element import E
from hypervisor.xml.nic import build_nic, parse_nic
from hypervisor.xml.safe import attribute_at, parse_xml, size_at, text_at

AGENT_CHANNEL = "org.qemu.guest_agent.0"
SPARE_PCI_PORTS = 12
"""q35 can only hot-plug into root ports that exist at boot; a plain guest uses about six of these."""

VirtType = Literal["kvm", "qemu", "test"]


def build_guest(spec: GuestSpec, *, virt_type: VirtType | None = None) -> etree._Element:
    """The definition of `spec`. `virt_type` replaces the spec's acceleration on libvirt's test driver, which knows only its own."""
    return E.domain(
        E.name(spec.name),
        E.uuid(str(spec.uuid)),
        E.title(" ".join(spec.title.split()) or spec.name),  # libvirt refuses a title with a line break
        E.memory(str(spec.memory_mib), unit="MiB"),
        E.currentMemory(str(spec.memory_mib), unit="MiB"),
        E.vcpu(str(spec.vcpus), placement="static"),
        _os(spec),
        E.features(E.acpi(), E.apic()),
        _cpu(spec),
        _clock(),
        E.on_poweroff("destroy"),
        E.on_reboot("restart"),
        # A crashed guest is kept as it is, so that it is seen as crashed and its last screen can be read.
        E.on_crash("preserve"),
        _devices(spec),
        type=virt_type or spec.acceleration,
    )


def _os(spec: GuestSpec) -> etree._Element:
    os = E.os(E.type("hvm", arch="x86_64", machine=spec.machine))
    if all(disk.boot_order is None for disk in spec.disks):
        # libvirt refuses <boot dev> beside <boot order>; without both the firmware's own order applies, which starts with the network.
        os.append(E.boot(dev="hd"))
    return os


def _cpu(spec: GuestSpec) -> etree._Element:
    # host-model stays migratable between like hosts; under emulation "maximum" is everything TCG can do.
    return E.cpu(mode="host-model" if spec.acceleration == "kvm" else "maximum")


def _clock() -> etree._Element:
    return E.clock(
        E.timer(name="rtc", tickpolicy="catchup"), E.timer(name="pit", tickpolicy="delay"), E.timer(name="hpet", present="no"), offset="utc"
    )


def _devices(spec: GuestSpec) -> etree._Element:
    devices = E.devices(*(build_disk(disk) for disk in spec.disks), *_controllers(spec), *(build_nic(nic) for nic in spec.nics))
    devices.extend(
        [
            E.serial(E.target(type="isa-serial", port="0"), type="pty"),
            E.console(E.target(type="serial", port="0"), type="pty"),
            E.channel(E.source(mode="bind"), E.target(type="virtio", name=AGENT_CHANNEL), type="unix"),
            E.input(type="tablet", bus="usb"),  # absolute pointer: without it the pointer drifts in a browser
            # A socket on the host's file system, named by libvirt: reachable through virDomainOpenGraphicsFD only, never by network.
            E.graphics(E.listen(type="socket"), type="vnc"),
            E.audio(id="1", type="none"),
            E.video(E.model(type=spec.video, heads="1", primary="yes")),
            E.memballoon(E.stats(period="10"), model="virtio"),
            E.rng(E.backend("/dev/urandom", model="random"), model="virtio"),
            E.panic(model="isa"),  # tells libvirt of a kernel panic: the guest is then "crashed", not "running"
        ]
    )
    return devices


def _controllers(spec: GuestSpec) -> list[etree._Element]:
    controllers = [E.controller(type="usb", model="qemu-xhci"), E.controller(type="virtio-serial", index="0")]
    if any(disk.bus == "scsi" for disk in spec.disks):
        controllers.append(E.controller(type="scsi", index="0", model="virtio-scsi"))
    if spec.machine == "q35":
        controllers.append(E.controller(type="pci", index="0", model="pcie-root"))
        controllers.extend(E.controller(type="pci", model="pcie-root-port") for _ in range(SPARE_PCI_PORTS))
    return controllers


def edit_size(guest: etree._Element, *, vcpus: int | None, memory_mib: int | None) -> None:
    """Set the number of vCPUs and the memory of a whole definition; None leaves as it is."""
    if vcpus is not None:
        vcpu = guest.find("vcpu")
        if vcpu is None:
            vcpu = etree.SubElement(guest, "vcpu")
        vcpu.text = str(vcpus)
        vcpu.attrib.pop("current", "")
    if memory_mib is not None:
        for name in ("memory", "currentMemory"):
            memory = guest.find(name)
            if memory is None:
                memory = etree.SubElement(guest, name)
            memory.text = str(memory_mib)
            memory.set("unit", "MiB")


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
        vcpus=int(text_at(root, "vcpu", "1")),
        memory_mib=size_at(root, "memory", default_unit="KiB") // 1024**2,
        acceleration=str(root.get("type", "")),
        machine=attribute_at(root, "os/type", "machine"),
        firmware=_firmware(root),
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


def _firmware(root: etree._Element) -> str:
    loader = root.find("os/loader")
    if attribute_at(root, "os", "firmware") == "efi" or (loader is not None and loader.get("type") == "pflash"):
        return "uefi-secure" if loader is not None and loader.get("secure") == "yes" else "uefi"
    return "bios"


def _display(devices: etree._Element) -> Literal["vnc-socket", "vnc-tcp", "other", "none"]:
    vnc = devices.find("graphics[@type='vnc']")
    if vnc is None:
        return "none" if devices.find("graphics") is None else "other"
    if vnc.get("socket") or vnc.find("listen[@type='socket']") is not None:
        return "vnc-socket"
    return "vnc-tcp"
