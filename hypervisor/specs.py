"""What goes into a host: frozen values, already validated above. No defaults that depend on a host live here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

HostKind = Literal["local", "unix", "test"]
Acceleration = Literal["kvm", "qemu"]
VolumeFormat = Literal["raw", "qcow2", "iso"]


@dataclass(frozen=True, slots=True)
class HostAddress:
    """Where a host's libvirt is reached. Never a URI: `hypervisor.libvirt.sessions.uri_for` makes that.

    local: qemu:///system. unix: qemu:///system through `socket_path`. test: libvirt's test driver (one shared state per daemon)
    through `socket_path`, or through the local daemon's socket when empty.
    """

    kind: HostKind
    socket_path: str = ""


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """One disk or CD-ROM of a guest. `path` is the volume's path on the host; `target` the guest device (vda, sda)."""

    target: str
    path: str
    format: Literal["raw", "qcow2"]
    bus: Literal["virtio", "sata", "scsi", "ide"] = "virtio"
    device: Literal["disk", "cdrom"] = "disk"
    is_read_only: bool = False
    boot_order: int | None = None


@dataclass(frozen=True, slots=True)
class NicSpec:
    """One network interface on a libvirt network. `mac` is chosen by us, lower case, colon separated."""

    network: str
    mac: str
    model: Literal["virtio", "e1000e", "rtl8139"] = "virtio"


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """A whole guest definition. The display is always VNC on a unix socket; one serial line; one agent channel."""

    uuid: UUID
    name: str
    title: str
    vcpus: int
    memory_mib: int
    acceleration: Acceleration
    disks: tuple[DiskSpec, ...] = ()
    nics: tuple[NicSpec, ...] = ()
    machine: Literal["q35", "pc"] = "q35"
    video: Literal["virtio", "vga"] = "vga"
    autostart: bool = False


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """One volume to make. `backing_path` with `backing_format` makes a copy-on-write overlay (qcow2 only)."""

    name: str
    capacity_bytes: int
    format: VolumeFormat = "qcow2"
    backing_path: str = ""
    backing_format: Literal["", "raw", "qcow2"] = ""


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A directory pool."""

    name: str
    path: str
    autostart: bool = True


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A NAT or isolated libvirt network with DHCP."""

    name: str
    bridge: str
    address: str
    prefix: int
    dhcp_start: str
    dhcp_end: str
    forward: Literal["nat", "isolated"] = "nat"
    autostart: bool = True


@dataclass(frozen=True, slots=True)
class CloudInitSpec:
    """Contents of a NoCloud seed. Secrets: never logged; `repr` hides them."""

    instance_id: str
    hostname: str
    user_data: str = field(repr=False)
    network_config: str = field(default="", repr=False)
