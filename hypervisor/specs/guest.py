"""A whole guest definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from hypervisor.specs.devices import DiskSpec, HostDeviceSpec, NicSpec

Acceleration = Literal["kvm", "qemu"]
Firmware = Literal["bios", "uefi", "uefi-secure"]
Machine = Literal["q35", "pc", "virt"]
Video = Literal["virtio", "vga", "qxl", "bochs", "none"]


@dataclass(frozen=True, slots=True)
class Topology:
    """sockets x cores x threads must be the greatest number of vCPUs."""

    sockets: int
    cores: int
    threads: int = 1


@dataclass(frozen=True, slots=True)
class CpuSpec:
    """mode "" is the best that stays movable: host-model with hardware virtualisation, maximum under emulation. `model` is for "custom"."""

    mode: Literal["", "host-passthrough", "host-model", "maximum", "custom"] = ""
    model: str = ""
    topology: Topology | None = None
    required_features: tuple[str, ...] = ()
    disabled_features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NumaCell:
    """One NUMA node the guest sees. `cpus` as in 0-3,8; `host_nodes` "" is anywhere, else its memory comes from those nodes only."""

    cpus: str
    memory_mib: int
    host_nodes: str = ""


@dataclass(frozen=True, slots=True)
class VcpuPin:
    """vCPU `vcpu` runs on the host's CPUs `cpus` (0-3,8) only."""

    vcpu: int
    cpus: str


@dataclass(frozen=True, slots=True)
class Watchdog:
    """What happens when the guest does not feed its watchdog for a while."""

    action: Literal["reset", "poweroff", "shutdown", "pause", "none"] = "reset"


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """What we know how to build, read back and change. What else a definition holds survives our edits (`xml/edits`).

    vcpus, memory_mib: what the guest gets. vcpus_max, memory_max_mib: how far it can grow while it runs; None: not at all.
    display: VNC on a unix socket named by libvirt, on 127.0.0.1 of the host, or none. machine "virt" is an aarch64 guest.
    has_hyperv needs hardware virtualisation. Boot order: as the disks and NICs say; where none does, the first hard disk.
    """

    uuid: UUID
    name: str
    title: str
    vcpus: int
    memory_mib: int
    acceleration: Acceleration
    disks: tuple[DiskSpec, ...] = ()
    nics: tuple[NicSpec, ...] = ()
    machine: Machine = "q35"
    video: Video = "vga"
    autostart: bool = False
    description: str = ""
    firmware: Firmware = "bios"
    vcpus_max: int | None = None
    memory_max_mib: int | None = None
    cpu: CpuSpec = CpuSpec()
    clock: Literal["utc", "localtime"] = "utc"
    has_hyperv: bool = False
    has_tpm: bool = False
    has_rng: bool = True
    has_balloon: bool = True
    has_agent_channel: bool = True
    has_tablet: bool = True
    has_serial: bool = True
    has_boot_menu: bool = False
    display: Literal["socket", "loopback", "none"] = "socket"
    watchdog: Watchdog | None = None
    iothreads: int = 0
    numa: tuple[NumaCell, ...] = ()
    vcpu_pins: tuple[VcpuPin, ...] = ()
    emulator_cpus: str = ""
    hugepages_kib: int = 0
    host_devices: tuple[HostDeviceSpec, ...] = ()
    system: str = ""
    """The operating system as an osinfo id (http://microsoft.com/win/11), kept in the definition as other tools do. See `systems`."""
