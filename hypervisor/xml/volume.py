"""Storage volumes."""

from __future__ import annotations

from lxml import etree

from hypervisor.observed import ObservedVolume
from hypervisor.specs import VolumeSpec
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at, parse_xml, size_at, text_at


def build_volume(spec: VolumeSpec) -> etree._Element:
    """Allocation 0: volumes are thin. An ISO is a raw file to libvirt, which would otherwise refuse to make one."""
    volume_format = "raw" if spec.format == "iso" else spec.format
    target = E.target(E.format(type=volume_format))
    if volume_format == "qcow2":
        target.append(E.compat("1.1"))
        target.append(E.features(E.lazy_refcounts()))
    volume = E.volume(
        E.name(spec.name), E.capacity(str(spec.capacity_bytes), unit="bytes"), E.allocation("0", unit="bytes"), target, type="file"
    )
    if spec.backing_path:
        volume.append(E.backingStore(E.path(spec.backing_path), E.format(type=spec.backing_format)))
    return volume


def parse_volume(text: str) -> ObservedVolume:
    root = parse_xml(text)
    return ObservedVolume(
        name=text_at(root, "name"),
        path=text_at(root, "target/path") or text_at(root, "key"),
        format=attribute_at(root, "target/format", "type", "raw"),
        capacity_bytes=size_at(root, "capacity", default_unit="bytes"),
        allocation_bytes=size_at(root, "allocation", default_unit="bytes"),
        backing_path=text_at(root, "backingStore/path"),
    )
