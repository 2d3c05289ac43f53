"""Snapshots: what libvirt is asked for, and what it keeps of each."""

from __future__ import annotations

from typing import Literal

from lxml import etree

from hypervisor.chains import overlay_path
from hypervisor.errors import Refused
from hypervisor.observed import ObservedSnapshot, PowerState, SnapshotDisk
from hypervisor.specs import SnapshotSpec
from hypervisor.xml.disk import edit_path
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at, int_at, parse_xml, text_at

Kind = Literal["internal", "external"]

_STATES = {
    "running": PowerState.RUNNING,
    "blocked": PowerState.RUNNING,
    "paused": PowerState.PAUSED,
    "pmsuspended": PowerState.SUSPENDED,
    "crashed": PowerState.CRASHED,
}


def build_snapshot(spec: SnapshotSpec, guest: etree._Element, *, kind: Kind, is_running: bool) -> etree._Element:
    """Of the disks of `guest`, all that can be written to; drives and read-only disks are left alone."""
    snapshot = E.domainsnapshot(E.name(spec.name), E.description(spec.description))
    disks = E.disks()
    for disk in guest.findall("devices/disk"):
        target = attribute_at(disk, "target", "dev")
        if not is_written(disk):
            disks.append(E.disk(name=target, snapshot="no"))
        elif kind == "internal":
            disks.append(E.disk(name=target, snapshot="internal"))
        else:
            overlay = overlay_path(attribute_at(disk, "source", "file"), spec.name)
            disks.append(E.disk(E.driver(type="qcow2"), E.source(file=overlay), name=target, snapshot="external"))
    if is_running and kind == "internal":
        snapshot.append(E.memory(snapshot="internal"))
    elif is_running and spec.with_memory:
        snapshot.append(E.memory(snapshot="external", file=memory_path(spec, guest)))
    else:
        snapshot.append(E.memory(snapshot="no"))
    snapshot.append(disks)
    return snapshot


def memory_path(spec: SnapshotSpec, guest: etree._Element) -> str:
    """Beside the first disk."""
    written = [disk for disk in guest.findall("devices/disk") if is_written(disk)]
    if not written:
        raise Refused("The guest has no disk in a pool that the memory could be saved beside.")
    return overlay_path(attribute_at(written[0], "source", "file"), spec.name).removesuffix(".qcow2") + ".memory"


def is_written(disk: etree._Element) -> bool:
    return disk.get("device", "disk") == "disk" and disk.find("readonly") is None and bool(attribute_at(disk, "source", "file"))


def parse_snapshot(text: str, *, is_current: bool) -> ObservedSnapshot:
    root = parse_xml(text)
    recorded = {str(disk.get("name")): str(disk.get("snapshot", "no")) for disk in root.findall("disks/disk")}
    memory = root.find("memory")
    has_memory = memory is not None and memory.get("snapshot") in ("internal", "external")
    is_external = "external" in recorded.values() or (memory is not None and memory.get("snapshot") == "external")
    return ObservedSnapshot(
        name=text_at(root, "name"),
        description=text_at(root, "description"),
        created_at_epoch_s=int_at(root, "creationTime"),
        parent=text_at(root, "parent/name"),
        is_current=is_current,
        kind="external" if is_external else "internal",
        has_memory=has_memory,
        state=_state(text_at(root, "state")),
        disks=tuple(
            SnapshotDisk(attribute_at(disk, "target", "dev"), attribute_at(disk, "source", "file"))
            for disk in root.findall("domain/devices/disk")
            if recorded.get(attribute_at(disk, "target", "dev"), "no") != "no"
        ),
        memory_path="" if memory is None else str(memory.get("file", "")),
    )


def _state(word: str) -> PowerState:
    # "disk-snapshot": disks alone, whatever the guest did; what comes back is a stopped guest.
    return _STATES.get(word, PowerState.SHUTOFF)


def definition_in(snapshot: etree._Element) -> etree._Element:
    """The guest's definition at the time, as a document of its own."""
    found = snapshot.find("inactiveDomain")
    if found is None:
        found = snapshot.find("domain")
    if found is None:
        raise Refused("The snapshot does not say how the guest was defined, so nothing can go back to it.")
    definition = parse_xml(etree.tostring(found, encoding="unicode"))
    definition.tag = "domain"
    definition.attrib.pop("id", "")
    return definition


def edit_snapshot_path(snapshot: etree._Element, old: str, *, new: str, new_format: str) -> bool:
    """The file that holds a state was merged into another: whether this snapshot was concerned."""
    found = [definition for tag in ("domain", "inactiveDomain") for definition in snapshot.findall(tag)]
    concerned = [definition for definition in found if edit_path(definition, old, new=new, new_format=new_format)]
    return bool(concerned)
