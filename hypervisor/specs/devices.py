"""Disks, network interfaces and host devices of a guest. An empty string or None means: as the host does it by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DiskBus = Literal["virtio", "sata", "scsi", "ide", "usb"]
NicModel = Literal["virtio", "e1000e", "e1000", "rtl8139"]


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """0: no limit. A total excludes a read or write limit of the same unit."""

    total_bytes_per_s: int = 0
    read_bytes_per_s: int = 0
    write_bytes_per_s: int = 0
    total_iops: int = 0
    read_iops: int = 0
    write_iops: int = 0


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """One disk or CD-ROM of a guest. `path` is the volume's path on the host; `target` the guest device (vda, sda).

    A CD-ROM drive may be empty: `path` "". `serial` is what the guest sees (/dev/disk/by-id). `iothread` counts from 1 and needs virtio.
    """

    target: str
    path: str
    format: Literal["raw", "qcow2"]
    bus: DiskBus = "virtio"
    device: Literal["disk", "cdrom"] = "disk"
    is_read_only: bool = False
    boot_order: int | None = None
    cache: Literal["", "none", "writeback", "writethrough", "directsync", "unsafe"] = ""
    io: Literal["", "native", "threads", "io_uring"] = ""
    discard: Literal["unmap", "ignore"] = "unmap"
    iothread: int | None = None
    serial: str = ""
    limits: DiskLimits = DiskLimits()


@dataclass(frozen=True, slots=True)
class Rate:
    """Of one direction; KiB per second, and KiB for `burst_kib`. Peak and burst 0: none."""

    average_kib_per_s: int
    peak_kib_per_s: int = 0
    burst_kib: int = 0


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """As the guest sees it: what it receives, what it sends."""

    receive: Rate | None = None
    send: Rate | None = None


@dataclass(frozen=True, slots=True)
class NicSpec:
    """One network interface on a libvirt network. `mac` is chosen by us, lower case, colon separated.

    `filter` names a libvirt network filter (clean-traffic); `filter_addresses` are the only ones the guest may use with it.
    """

    network: str
    mac: str
    model: NicModel = "virtio"
    is_link_up: bool = True
    mtu: int | None = None
    bandwidth: Bandwidth = Bandwidth()
    filter: str = ""
    filter_addresses: tuple[str, ...] = ()
    boot_order: int | None = None


@dataclass(frozen=True, slots=True)
class PciDevice:
    """A PCI function of the host, as lspci counts."""

    domain: int
    bus: int
    slot: int
    function: int


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A USB device of the host by what it is; bus and device (0: any) tell two alike apart, and change when it is plugged anew."""

    vendor_id: int
    product_id: int
    bus: int = 0
    device: int = 0


HostDeviceSpec = PciDevice | UsbDevice
