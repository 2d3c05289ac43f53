"""Which hardware suits a system: pure, from a System to an Advice, and from an Advice to a GuestSpec. People may choose otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from hypervisor.specs import DiskBus, DiskSpec, Firmware, GuestSpec, NicModel
from hypervisor.systems.catalog import System

PCI = "http://pcisig.com/pci/"
VIRTIO_DISK = (f"{PCI}1af4/1001", f"{PCI}1af4/1042")
VIRTIO_NIC = (f"{PCI}1af4/1000", f"{PCI}1af4/1041")
VIRTIO_DISPLAY = (f"{PCI}1af4/1050",)
VIRTIO_RNG = (f"{PCI}1af4/1005", f"{PCI}1af4/1044")
VIRTIO_BALLOON = (f"{PCI}1af4/1002", f"{PCI}1af4/1045")
E1000E = (f"{PCI}8086/10d3",)
E1000 = (f"{PCI}8086/100e",)
RTL8139 = (f"{PCI}10ec/8139",)
Q35 = ("http://qemu.org/chipset/x86/q35",)
TABLET = ("http://usb.org/usb/80ee/0021",)

_OLD_WINDOWS_BEFORE = "2012-08-01"
"""Windows 8 and Server 2012 are the first that q35's AHCI and USB 3 serve without drivers."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`needs_driver_disc`: the guest runs better with the virtio drivers' CD-ROM in a second drive. `why` explains what is unusual."""

    machine: Literal["q35", "pc"]
    firmware: Firmware
    disk_bus: DiskBus
    cdrom_bus: DiskBus
    nic_model: NicModel
    video: Literal["virtio", "vga", "bochs"]
    clock: Literal["utc", "localtime"]
    has_hyperv: bool
    has_tpm: bool
    has_rng: bool
    has_tablet: bool
    needs_driver_disc: bool
    minimum_memory_mib: int
    memory_mib: int
    vcpus: int
    disk_gib: int
    why: tuple[str, ...] = ()


def advise(system: System | None, *, kvm: bool) -> Advice:
    """None: an unknown system; treated as a modern Linux, which also boots most other things."""
    if system is None:
        return _unknown()
    is_windows = system.family == "winnt"
    is_old = not _knows_pci_express(system)
    has_virtio_disk = system.drives(*VIRTIO_DISK)
    why = []
    if system.is_uefi_only:
        why.append(f"{system.name} starts from UEFI only, with Secure Boot and a TPM.")
    if not has_virtio_disk:
        why.append(f"{system.name} has no virtio drivers of its own: disks on {'IDE' if is_old else 'SATA'} until it has.")
    if is_windows and not kvm:
        why.append("Hyper-V enlightenments need hardware virtualisation: left out under software emulation.")
    return Advice(
        machine="pc" if is_old else "q35",
        firmware="uefi-secure" if system.is_uefi_only else "bios",
        disk_bus="virtio" if has_virtio_disk else ("ide" if is_old else "sata"),
        cdrom_bus="ide" if is_old else "sata",
        nic_model=_nic(system, is_windows=is_windows, is_old=is_old),
        video=_video(system),
        clock="localtime" if is_windows else "utc",
        has_hyperv=is_windows and kvm,
        has_tpm=system.is_uefi_only,
        has_rng=system.drives(*VIRTIO_RNG) or system.family == "linux",
        has_tablet=system.drives(*TABLET) or not (is_windows and is_old),
        needs_driver_disc=is_windows and not has_virtio_disk,
        minimum_memory_mib=system.minimum_memory_mib or 256,
        memory_mib=system.recommended_memory_mib or 2048,
        vcpus=max(2 if is_windows else 1, system.recommended_vcpus),
        disk_gib=system.recommended_disk_gib or 20,
        why=tuple(why),
    )


def _knows_pci_express(system: System) -> bool:
    """q35, and virtio beyond its legacy form, which is all that a PCI Express port offers."""
    released_on = system.released_on or "9999"
    if system.family == "winnt":
        return released_on >= _OLD_WINDOWS_BEFORE
    return system.drives(*Q35) or (system.family == "linux" and released_on >= "2013")


def _video(system: System) -> Literal["virtio", "vga", "bochs"]:
    if system.family == "linux" and system.drives(*VIRTIO_DISPLAY):
        return "virtio"
    return "bochs" if system.is_uefi_only else "vga"  # no VGA BIOS to wait for under UEFI


def _nic(system: System, *, is_windows: bool, is_old: bool) -> NicModel:
    if system.drives(*VIRTIO_NIC):
        return "virtio"
    if system.drives(*E1000E) or (is_windows and not is_old):
        return "e1000e"
    if system.drives(*E1000):
        return "e1000"
    return "rtl8139" if system.drives(*RTL8139) else "e1000"


def _unknown() -> Advice:
    return Advice(
        machine="q35",
        firmware="bios",
        disk_bus="virtio",
        cdrom_bus="sata",
        nic_model="virtio",
        video="vga",
        clock="utc",
        has_hyperv=False,
        has_tpm=False,
        has_rng=True,
        has_tablet=True,
        needs_driver_disc=False,
        minimum_memory_mib=128,
        memory_mib=2048,
        vcpus=1,
        disk_gib=20,
    )


def dress(spec: GuestSpec, advice: Advice, *, system: System | None = None) -> GuestSpec:
    """The spec with the advised hardware. Disks and drives get buses and matching targets in their order; sizes stay as they are."""
    return replace(
        spec,
        machine=advice.machine,
        firmware=advice.firmware,
        video=advice.video,
        clock=advice.clock,
        has_hyperv=advice.has_hyperv,
        has_tpm=advice.has_tpm,
        has_rng=advice.has_rng,
        has_tablet=advice.has_tablet,
        disks=place_disks(spec.disks, advice),
        nics=tuple(replace(nic, model=advice.nic_model) for nic in spec.nics),
        system=system.id if system else spec.system,
    )


def place_disks(disks: tuple[DiskSpec, ...], advice: Advice) -> tuple[DiskSpec, ...]:
    taken: set[str] = set()
    placed = []
    for disk in disks:
        bus = advice.cdrom_bus if disk.device == "cdrom" else advice.disk_bus
        target = free_target(bus, taken)
        taken.add(target)
        placed.append(replace(disk, bus=bus, target=target))
    return tuple(placed)


def free_target(bus: DiskBus, taken: set[str]) -> str:
    """The first free device name on `bus`: vda, vdb ... vdz, vdaa."""
    prefix = {"virtio": "vd", "sata": "sd", "scsi": "sd", "usb": "sd", "ide": "hd"}[bus]
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    names = (prefix + first + second for first in ["", *letters] for second in letters)
    return next(name for name in names if name not in taken)
