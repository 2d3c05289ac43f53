"""Disks and CD-ROMs of a guest."""

from __future__ import annotations

from lxml import etree

from hypervisor.errors import NotFoundOnHost, Refused
from hypervisor.observed import ObservedDisk
from hypervisor.specs import DiskSpec
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at


def build_disk(spec: DiskSpec) -> etree._Element:
    driver = E.driver(name="qemu", type=spec.format)
    if spec.device == "disk" and not spec.is_read_only:
        # What the guest frees goes back to the pool, so that thin volumes stay thin.
        driver.set("discard", "unmap")
    disk = E.disk(driver, E.source(file=spec.path), E.target(dev=spec.target, bus=spec.bus), type="file", device=spec.device)
    if spec.is_read_only or spec.device == "cdrom":
        disk.append(E.readonly())
    if spec.boot_order is not None:
        disk.append(E.boot(order=str(spec.boot_order)))
    return disk


def edit_eject(guest: etree._Element, target: str) -> etree._Element:
    """Take the medium out of the CD-ROM drive `target` of a whole definition; the drive's own element."""
    for disk in guest.findall("devices/disk"):
        if attribute_at(disk, "target", "dev") == target:
            if disk.get("device") != "cdrom":
                raise Refused(f"Disk {target} is not a CD-ROM drive: nothing can be ejected from it.")
            for source in disk.findall("source") + disk.findall("backingStore"):
                disk.remove(source)
            return disk
    raise NotFoundOnHost(f"The guest has no drive {target}.")


def parse_disk(disk: etree._Element) -> ObservedDisk:
    source = disk.find("source")
    path = "" if source is None else str(source.get("file") or source.get("dev") or source.get("volume") or source.get("name") or "")
    return ObservedDisk(
        target=attribute_at(disk, "target", "dev"),
        device=str(disk.get("device", "disk")),
        bus=attribute_at(disk, "target", "bus"),
        path=path,
        format=attribute_at(disk, "driver", "type"),
        is_read_only=disk.find("readonly") is not None,
    )
