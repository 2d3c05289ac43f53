"""A guest's rows as the GuestSpec to define on its host."""

from __future__ import annotations

from typing import Literal, cast

from guests.models import Guest, GuestDisk
from hypervisor.specs import Acceleration, DiskSpec, GuestSpec, NicSpec
from storage.models import Volume

Bus = Literal["virtio", "sata", "scsi", "ide"]


def spec_for(guest: Guest, *, acceleration: Acceleration) -> GuestSpec:
    """Every disk's volume must have its path already."""
    disks = guest.disks.select_related("volume").order_by("target")
    nics = guest.nics.select_related("network").order_by("position")
    return GuestSpec(
        uuid=guest.uuid,
        name=guest.domain_name,
        title=guest.name,
        vcpus=guest.vcpus,
        memory_mib=guest.memory_mib,
        acceleration=acceleration,
        disks=tuple(_disk(disk) for disk in disks),
        nics=tuple(NicSpec(network=nic.network.name, mac=nic.mac) for nic in nics if nic.network),
        autostart=guest.autostart,
    )


def _disk(disk: GuestDisk) -> DiskSpec:
    volume = disk.volume
    if volume is None or not volume.path:
        raise ValueError(f"Disk {disk.target} of guest {disk.guest_id} has no file yet.")
    return DiskSpec(
        target=disk.target,
        path=volume.path,
        format="qcow2" if volume.format == "qcow2" else "raw",
        bus=cast(Bus, disk.bus),
        device="cdrom" if disk.device == "cdrom" else "disk",
        is_read_only=volume.purpose in (Volume.Purpose.SEED, Volume.Purpose.ISO),
        boot_order=disk.boot_order,
    )
