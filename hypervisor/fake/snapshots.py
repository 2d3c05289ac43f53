"""The fake's side of snapshots. The content of a fake volume is what a guest would see of it, so an overlay begins as a copy."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from lxml import etree

from hypervisor.chains import Merge
from hypervisor.errors import NotFoundOnHost, Refused
from hypervisor.fake.changes import FakeGuestChanges
from hypervisor.fake.machine import FakeGuest, FakePool, FakeSnapshot, FakeVolume
from hypervisor.fake.storage import observed_volume
from hypervisor.observed import EventKind, ObservedVolume, PowerState
from hypervisor.operations.snapshot_primitives import OnProgress
from hypervisor.operations.snapshots import SnapshotOperations
from hypervisor.specs import VolumeSpec
from hypervisor.xml.disk import edit_path, find_disk
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at, parse_xml, text_at, to_text
from hypervisor.xml.snapshot import definition_in


class FakeSnapshots(SnapshotOperations, FakeGuestChanges):
    def _power_state(self, uuid: UUID) -> PowerState:
        return self.machine.guest(uuid).power_state

    def _snapshot_xmls(self, uuid: UUID) -> list[tuple[str, bool]]:
        guest = self.machine.guest(uuid)
        return [(one.xml, one.name == guest.current_snapshot) for one in guest.snapshots]

    def _take(self, uuid: UUID, snapshot: etree._Element, *, disks_only: bool, quiesce: bool) -> None:
        guest = self.machine.guest(uuid)
        if self.machine.faults.has_no_space:
            raise Refused("No space left on device.")
        record = parse_xml(to_text(snapshot))
        record.append(E.creationTime(str(int(time.time()))))
        record.append(E.state("disk-snapshot" if disks_only and guest.is_active else str(guest.power_state)))
        if guest.current_snapshot:
            record.append(E.parent(E.name(guest.current_snapshot)))
        record.append(parse_xml(guest.live_xml or guest.xml))
        inactive = parse_xml(guest.xml)
        inactive.tag = "inactiveDomain"
        record.append(inactive)
        held = {}
        for disk in record.findall("disks/disk"):
            element = find_disk(parse_xml(guest.live_xml or guest.xml), str(disk.get("name")))
            assert element is not None
            path = attribute_at(element, "source", "file")
            if disk.get("snapshot") == "external":
                overlay = attribute_at(disk, "source", "file")
                self._make_overlay(overlay, observed_volume(self.machine.volume_at(path)))
                self._move_disk(guest, path, overlay)
            elif disk.get("snapshot") == "internal":
                volume = self.machine.volume_at(path)
                held[path] = (volume.content, volume.capacity_bytes)
        memory = attribute_at(record, "memory", "file")
        if memory:
            self._add_file(memory, FakeVolume(VolumeSpec(posixpath.basename(memory), 1024, "raw"), memory, 1024, b"memory"))
        name = text_at(record, "name")
        guest.snapshots.append(FakeSnapshot(name, to_text(record), held))
        guest.current_snapshot = name
        self.machine.tell(EventKind.GUEST, guest, definition_changed=True)

    def _redefine_snapshot(self, uuid: UUID, snapshot: etree._Element, *, is_current: bool) -> None:
        guest, name = self.machine.guest(uuid), text_at(snapshot, "name")
        self._record(guest, name).xml = to_text(snapshot)
        if is_current:
            guest.current_snapshot = name

    def _forget_snapshot(self, uuid: UUID, name: str) -> None:
        guest = self.machine.guest(uuid)
        gone = self._record(guest, name)
        parent = text_at(parse_xml(gone.xml), "parent/name")
        guest.snapshots.remove(gone)
        for other in guest.snapshots:
            record = parse_xml(other.xml)
            if text_at(record, "parent/name") == name:
                for old in record.findall("parent"):
                    record.remove(old)
                if parent:
                    record.append(E.parent(E.name(parent)))
                other.xml = to_text(record)
        if guest.current_snapshot == name:
            guest.current_snapshot = parent

    def _delete_internal(self, uuid: UUID, name: str) -> None:
        self._forget_snapshot(uuid, name)

    def _revert_internal(self, uuid: UUID, name: str) -> None:
        guest = self.machine.guest(uuid)
        snapshot = self._record(guest, name)
        for path, (content, capacity_bytes) in snapshot.held.items():
            volume = self.machine.volume_at(path)
            volume.content, volume.capacity_bytes = content, capacity_bytes
        record = parse_xml(snapshot.xml)
        guest.xml = to_text(definition_in(record))
        guest.current_snapshot = name
        state = PowerState(text_at(record, "state"))
        if state is not PowerState.SHUTOFF:
            self.machine.set_power(guest, state)
        self.machine.tell(EventKind.GUEST, guest, definition_changed=True)

    def _restore_memory(self, uuid: UUID, memory_path: str, *, paths: Mapping[str, str]) -> None:
        self.machine.volume_at(memory_path)
        self.machine.set_power(self.machine.guest(uuid), PowerState.RUNNING)

    def _files(self) -> dict[str, ObservedVolume]:
        return {volume.path: observed_volume(volume) for pool in self.machine.pools.values() for volume in pool.volumes.values()}

    def _merge(self, uuid: UUID, target: str | None, leaf: str, step: Merge, on_progress: OnProgress) -> None:
        base, overlay = self.machine.volume_at(step.base), self.machine.volume_at(step.overlay)
        on_progress(0, len(overlay.content))
        base.content, base.capacity_bytes = overlay.content, max(base.capacity_bytes, overlay.capacity_bytes)
        for pool in self.machine.pools.values():
            for volume in pool.volumes.values():
                if volume.spec.backing_path == step.overlay:
                    volume.spec = replace(
                        volume.spec, backing_path=step.base, backing_format="raw" if base.spec.format == "raw" else "qcow2"
                    )
        if target is not None and leaf == step.overlay:
            self._move_disk(self.machine.guest(uuid), step.overlay, step.base)
        on_progress(len(overlay.content), len(overlay.content))

    def _make_overlay(self, path: str, base: ObservedVolume) -> None:
        spec = VolumeSpec(
            posixpath.basename(path),
            base.capacity_bytes,
            backing_path=base.path,
            backing_format="raw" if base.format == "raw" else "qcow2",
        )
        self._add_file(path, FakeVolume(spec, path, base.capacity_bytes, self.machine.volume_at(base.path).content))

    def _drop_file(self, path: str) -> None:
        for pool in self.machine.pools.values():
            for name, volume in list(pool.volumes.items()):
                if volume.path == path:
                    del pool.volumes[name]

    # shared
    def _add_file(self, path: str, volume: FakeVolume) -> None:
        pool = self._pool_at(path)
        if volume.spec.name in pool.volumes:
            raise Refused(f"The file {path} exists already.")
        pool.volumes[volume.spec.name] = volume

    def _pool_at(self, path: str) -> FakePool:
        for pool in self.machine.pools.values():
            if pool.spec.path == posixpath.dirname(path):
                return pool
        raise NotFoundOnHost(f"No pool holds {path}.")

    def _move_disk(self, guest: FakeGuest, old: str, new: str) -> None:
        for attribute in ("xml", "live_xml"):
            text = getattr(guest, attribute)
            if text:
                root = parse_xml(text)
                edit_path(root, old, new=new, new_format=observed_volume(self.machine.volume_at(new)).format)
                setattr(guest, attribute, to_text(root))

    def _record(self, guest: FakeGuest, name: str) -> FakeSnapshot:
        for snapshot in guest.snapshots:
            if snapshot.name == name:
                return snapshot
        raise NotFoundOnHost(f'Guest "{guest.name}" has no snapshot {name}.')
