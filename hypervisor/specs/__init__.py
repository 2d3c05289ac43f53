"""What goes into a host: frozen values, already validated above. No defaults that depend on a host live here.

`guest` is a whole definition, `devices` its parts, `storage` volumes, pools and networks, `snapshot` snapshots, `address` where a host is.
"""

from __future__ import annotations

from hypervisor.specs.address import HostAddress, HostKind
from hypervisor.specs.devices import (
    Bandwidth,
    DiskBus,
    DiskLimits,
    DiskSpec,
    HostDeviceSpec,
    NicModel,
    NicSpec,
    PciDevice,
    Rate,
    UsbDevice,
)
from hypervisor.specs.guest import (
    Acceleration,
    CpuSpec,
    Firmware,
    GuestSpec,
    Machine,
    NumaCell,
    Topology,
    VcpuPin,
    Watchdog,
)
from hypervisor.specs.snapshot import SnapshotSpec
from hypervisor.specs.storage import CloudInitSpec, NetworkSpec, PoolSpec, VolumeFormat, VolumeSpec

__all__ = [
    "Acceleration",
    "Bandwidth",
    "CloudInitSpec",
    "CpuSpec",
    "DiskBus",
    "DiskLimits",
    "DiskSpec",
    "Firmware",
    "GuestSpec",
    "HostAddress",
    "HostDeviceSpec",
    "HostKind",
    "Machine",
    "NetworkSpec",
    "NicModel",
    "NicSpec",
    "NumaCell",
    "PciDevice",
    "PoolSpec",
    "Rate",
    "SnapshotSpec",
    "Topology",
    "UsbDevice",
    "VcpuPin",
    "VolumeFormat",
    "VolumeSpec",
    "Watchdog",
]
