"""Disks and CD-ROMs of a guest."""

from __future__ import annotations

from lxml import etree

from hypervisor.errors import NotFoundOnHost, Refused
from hypervisor.observed import ObservedDisk
from hypervisor.specs import DiskLimits, DiskSpec
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at, int_at, text_at

LIMITS: dict[str, str] = {
    "total_bytes_sec": "total_bytes_per_s",
    "read_bytes_sec": "read_bytes_per_s",
    "write_bytes_sec": "write_bytes_per_s",
    "total_iops_sec": "total_iops",
    "read_iops_sec": "read_iops",
    "write_iops_sec": "write_iops",
}
"""libvirt's names of the limits (also those of setBlockIoTune) -> ours."""


def build_disk(spec: DiskSpec) -> etree._Element:
    disk = E.disk(_driver(spec), type="file", device=spec.device)
    if spec.path:
        disk.append(E.source(file=spec.path))
    disk.append(E.target(dev=spec.target, bus=spec.bus))
    limits = [E(name, str(value)) for name, value in limits_of(spec.limits).items() if value]
    if limits:
        disk.append(E.iotune(*limits))
    if spec.is_read_only or spec.device == "cdrom":
        disk.append(E.readonly())
    if spec.serial:
        disk.append(E.serial(spec.serial))
    if spec.boot_order is not None:
        disk.append(E.boot(order=str(spec.boot_order)))
    return disk


def _driver(spec: DiskSpec) -> etree._Element:
    driver = E.driver(name="qemu", type=spec.format)
    if spec.cache:
        driver.set("cache", spec.cache)
    if spec.io:
        driver.set("io", spec.io)
    if spec.device == "disk" and not spec.is_read_only and spec.discard == "unmap":
        # What the guest frees goes back to the pool, so that thin volumes stay thin.
        driver.set("discard", "unmap")
    if spec.iothread is not None:
        driver.set("iothread", str(spec.iothread))
    return driver


def limits_of(limits: DiskLimits) -> dict[str, int]:
    return {libvirts: getattr(limits, ours) for libvirts, ours in LIMITS.items()}


def parse_disk_spec(disk: etree._Element) -> DiskSpec | None:
    """None for a disk of a kind we do not build: on a block device, over the network, a floppy."""
    if disk.get("type") != "file" or disk.get("device", "disk") not in ("disk", "cdrom"):
        return None
    if attribute_at(disk, "driver", "type", "raw") not in ("raw", "qcow2") or attribute_at(disk, "target", "bus") == "fdc":
        return None
    is_cdrom = disk.get("device") == "cdrom"
    is_read_only = disk.find("readonly") is not None and not is_cdrom
    boot_order, iothread = attribute_at(disk, "boot", "order"), attribute_at(disk, "driver", "iothread")
    discard = attribute_at(disk, "driver", "discard") == "unmap" or is_cdrom or is_read_only
    return DiskSpec(
        target=attribute_at(disk, "target", "dev"),
        path=attribute_at(disk, "source", "file"),
        format=attribute_at(disk, "driver", "type", "raw"),  # type: ignore[arg-type]
        bus=attribute_at(disk, "target", "bus"),  # type: ignore[arg-type]
        device="cdrom" if is_cdrom else "disk",
        is_read_only=is_read_only,
        boot_order=int(boot_order) if boot_order else None,
        cache=_known(attribute_at(disk, "driver", "cache")),  # type: ignore[arg-type]
        io=attribute_at(disk, "driver", "io"),  # type: ignore[arg-type]
        discard="unmap" if discard else "ignore",
        iothread=int(iothread) if iothread else None,
        serial=text_at(disk, "serial"),
        limits=DiskLimits(**{ours: int_at(disk, f"iotune/{libvirts}") for libvirts, ours in LIMITS.items()}),
    )


def _known(cache: str) -> str:
    return "" if cache == "default" else cache


def find_disk(guest: etree._Element, target: str) -> etree._Element | None:
    """The element of disk `target` of a whole definition."""
    return next((disk for disk in guest.findall("devices/disk") if attribute_at(disk, "target", "dev") == target), None)


def drive_of(guest: etree._Element, target: str) -> etree._Element:
    drive = find_disk(guest, target)
    if drive is None:
        raise NotFoundOnHost(f"The guest has no drive {target}.")
    if drive.get("device") != "cdrom":
        raise Refused(f"Disk {target} is not a CD-ROM drive: nothing can be put into it or ejected from it.")
    return drive


def edit_eject(guest: etree._Element, target: str) -> etree._Element:
    """Take the medium out of the CD-ROM drive `target` of a whole definition; the drive's own element."""
    disk = drive_of(guest, target)
    for source in disk.findall("source") + disk.findall("backingStore"):
        disk.remove(source)
    return disk


def edit_insert(guest: etree._Element, target: str, *, path: str) -> etree._Element:
    """Put `path` into the CD-ROM drive `target`, replacing what is in it; the drive's own element. CD-ROMs are raw files."""
    disk = edit_eject(guest, target)
    disk.set("type", "file")
    disk.insert(0, E.source(file=path))
    driver = disk.find("driver")
    if driver is not None:
        driver.set("type", "raw")
    return disk


def edit_path(guest: etree._Element, old: str, *, new: str, new_format: str = "qcow2") -> bool:
    """Point every disk that is on the file `old` to `new`; whether there was one."""
    found = [disk for disk in guest.findall("devices/disk") if attribute_at(disk, "source", "file") == old]
    for disk in found:
        source, driver = disk.find("source"), disk.find("driver")
        assert source is not None
        source.set("file", new)
        if driver is not None:
            driver.set("type", new_format)
        for chain in disk.findall("backingStore"):
            disk.remove(chain)
    return bool(found)


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
