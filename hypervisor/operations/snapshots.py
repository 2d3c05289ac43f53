"""Snapshots: taking, going back, deleting, for internal and external ones alike. Why so: docs/decisions/0014-snapshots.md.

libvirt keeps the records (names, tree, definitions); the files of external snapshots are merged and dropped by us, by the rules of
`hypervisor.chains`. The record of a snapshot goes last when it is deleted, so that whatever is cut short can be done again.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from lxml import etree

from hypervisor.chains import family_of, overlay_path
from hypervisor.errors import NotFoundOnHost, Refused, TimedOut, Unsupported
from hypervisor.observed import ObservedSnapshot
from hypervisor.operations.snapshot_primitives import OnProgress, no_progress
from hypervisor.operations.tidying import Tidying, paths_of
from hypervisor.outcomes import RevertedSnapshot, TakenSnapshot
from hypervisor.specs import SnapshotSpec
from hypervisor.xml.disk import edit_path
from hypervisor.xml.guest import AGENT_CHANNEL
from hypervisor.xml.machine import parse_firmware
from hypervisor.xml.safe import attribute_at, parse_xml, text_at, to_text
from hypervisor.xml.snapshot import (
    Kind,
    build_snapshot,
    definition_in,
    is_written,
    parse_snapshot,
)


class SnapshotOperations(Tidying):
    def snapshots(self, uuid: UUID) -> list[ObservedSnapshot]:
        found = {seen.name: seen for seen in (parse_snapshot(xml, is_current=now) for xml, now in self._snapshot_xmls(uuid))}

        def depth(snapshot: ObservedSnapshot) -> int:
            return 1 + depth(found[snapshot.parent]) if snapshot.parent in found else 0

        return sorted(found.values(), key=lambda snapshot: (depth(snapshot), snapshot.created_at_epoch_s, snapshot.name))

    def snapshot_kind(self, uuid: UUID, spec: SnapshotSpec) -> Kind:
        """What `create_snapshot` would make; Refused when it would refuse. Changes nothing."""
        live = self._live(uuid)
        guest = live if live is not None else self._definition(uuid)
        return _kind_for(spec, guest, self.snapshots(uuid), is_running=live is not None)

    def disk_files(self, uuid: UUID) -> tuple[str, ...]:
        files = self._files()
        backing = {path: volume.backing_path for path, volume in files.items()}
        records = self.snapshots(uuid)
        disks = [
            disk for guest in (self._live(uuid), self._definition(uuid)) if guest is not None for disk in guest.findall("devices/disk")
        ]
        roots = {attribute_at(disk, "source", "file") for disk in disks if is_written(disk)}
        roots |= {disk.path for record in records for disk in record.disks}
        found = set().union(*(family_of(path, backing) for path in roots if path in files))
        return tuple(sorted(found | {record.memory_path for record in records if record.memory_path in files}))

    def create_snapshot(self, uuid: UUID, spec: SnapshotSpec) -> TakenSnapshot:
        there = {snapshot.name: snapshot for snapshot in self.snapshots(uuid)}
        if spec.name in there:
            return TakenSnapshot(there[spec.name], was_quiesced=False, note="It had been taken before.")
        live = self._live(uuid)
        guest = live if live is not None else self._definition(uuid)
        kind = _kind_for(spec, guest, list(there.values()), is_running=live is not None)
        xml = build_snapshot(spec, guest, kind=kind, is_running=live is not None)
        self._drop_leftovers(uuid, xml)
        disks_only = kind == "external" and (live is None or not spec.with_memory)
        wants_quiet = spec.quiesce and live is not None and disks_only
        was_quiesced, note = self._take_quietly(uuid, xml, disks_only=disks_only, wants_quiet=wants_quiet, guest=guest)
        taken = next(snapshot for snapshot in self.snapshots(uuid) if snapshot.name == spec.name)
        return TakenSnapshot(taken, was_quiesced, note)

    def _take_quietly(
        self, uuid: UUID, xml: etree._Element, *, disks_only: bool, wants_quiet: bool, guest: etree._Element
    ) -> tuple[bool, str]:
        agent = guest.find(f"devices/channel/target[@name='{AGENT_CHANNEL}']")
        note = ""
        if wants_quiet and agent is not None and agent.get("state") == "connected":
            try:
                self._take(uuid, xml, disks_only=disks_only, quiesce=True)
                return True, ""
            except (Unsupported, TimedOut, Refused) as error:
                note = f"Not quiesced: {error}"
                self._drop_leftovers(uuid, xml)
        elif wants_quiet:
            note = "Not quiesced: no guest agent answers. After going back, the guest's file systems look as after a power cut."
        self._take(uuid, xml, disks_only=disks_only, quiesce=False)
        return False, note

    def _drop_leftovers(self, uuid: UUID, snapshot: etree._Element) -> None:
        """Overlays of a snapshot that was never recorded: its taking was cut short, so nothing can be in them. Unless libvirt died between
        moving the guest onto them and writing its record."""
        paths = [str(source.get("file")) for source in snapshot.findall("disks/disk/source")]
        tree = self._tree(uuid, "")
        used = [path for path in paths if path in tree.pinned or path in tree.backing.values()]
        if used:
            raise Refused(f"The guest is on {', '.join(used)} already. Take the snapshot under another name.")
        memory = attribute_at(snapshot, "memory", "file")
        for path in [*paths, *([memory] if memory else [])]:
            self._drop_file(path)

    # going back
    def revert_snapshot(self, uuid: UUID, name: str, *, token: str, abandoned: tuple[str, ...] = ()) -> RevertedSnapshot:
        wanted = self._snapshot(uuid, name)
        seen = parse_snapshot(to_text(wanted), is_current=False)
        unplugged = self._added_since(uuid, wanted)
        if seen.kind == "internal":
            self._must_be_on(uuid, seen)
            self.force_off_guest(uuid)
            self._revert_internal(uuid, name)
        else:
            self._revert_external(uuid, wanted, seen, token=token, abandoned=abandoned)
        return RevertedSnapshot(self._power_state(uuid), unplugged)

    def _revert_external(
        self, uuid: UUID, wanted: etree._Element, seen: ObservedSnapshot, *, token: str, abandoned: tuple[str, ...]
    ) -> None:
        paths = {disk.path: overlay_path(disk.path, f"{seen.name}-{token}") for disk in seen.disks}
        present = paths_of(self._definition(uuid))
        is_done = bool(paths) and set(paths.values()) <= present
        if not is_done or (seen.has_memory and self._live(uuid) is None):
            self.force_off_guest(uuid)
            files = self._files()
            for old, new in paths.items():
                if old not in files:
                    raise Refused(f"The file {old} of this snapshot is gone, so nothing can go back to it. Delete the snapshot.")
                self._drop_file(new)
                self._make_overlay(new, files[old])
            definition = definition_in(wanted)
            for old, new in paths.items():
                edit_path(definition, old, new=new)
            self._define(definition)
            if seen.has_memory:
                self._restore_memory(uuid, seen.memory_path, paths=paths)
        self._redefine_snapshot(uuid, self._snapshot(uuid, seen.name), is_current=True)
        self.tidy_snapshots(uuid, abandoned=(*abandoned, *sorted(present - set(paths.values()))))

    def _must_be_on(self, uuid: UUID, snapshot: ObservedSnapshot) -> None:
        present = paths_of(self._definition(uuid))
        moved = [disk.path for disk in snapshot.disks if disk.path not in present]
        if moved:
            raise Refused(f"The guest is no longer on {', '.join(moved)}, which holds this snapshot. Attach that disk again first.")

    def _added_since(self, uuid: UUID, wanted: etree._Element) -> tuple[str, ...]:
        then = {attribute_at(disk, "target", "dev") for disk in definition_in(wanted).findall("devices/disk")}
        disks = [disk for disk in self._definition(uuid).findall("devices/disk") if is_written(disk)]
        return tuple(attribute_at(disk, "source", "file") for disk in disks if attribute_at(disk, "target", "dev") not in then)

    # deleting
    def delete_snapshot(self, uuid: UUID, name: str, *, on_progress: OnProgress = no_progress) -> None:
        try:
            snapshot = parse_snapshot(to_text(self._snapshot(uuid, name)), is_current=False)
        except NotFoundOnHost:
            return
        if snapshot.kind == "internal":
            self._delete_internal(uuid, name)
            return
        self._tidy(uuid, without=name, abandoned=(), on_progress=on_progress)
        if snapshot.memory_path:
            self._drop_file(snapshot.memory_path)
        self._forget_snapshot(uuid, name)

    def tidy_snapshots(self, uuid: UUID, *, abandoned: Collection[str] = (), on_progress: OnProgress = no_progress) -> None:
        self._tidy(uuid, without="", abandoned=abandoned, on_progress=on_progress)

    def _snapshot(self, uuid: UUID, name: str) -> etree._Element:
        for xml, _current in self._snapshot_xmls(uuid):
            snapshot = parse_xml(xml)
            if text_at(snapshot, "name") == name:
                return snapshot
        raise NotFoundOnHost(f"The guest has no snapshot {name}.")


def _kind_for(spec: SnapshotSpec, guest: etree._Element, others: list[ObservedSnapshot], *, is_running: bool) -> Kind:
    """Pure: which kind of snapshot the guest can have, by what it is made of, what it does and what snapshots it has."""
    if guest.find("devices/hostdev") is not None and is_running and (spec.with_memory or spec.kind == "internal"):
        raise Refused(
            "The memory of a guest with a device of the host cannot be saved. Take the snapshot without memory, or stop the guest."
        )
    why_not_internal = _why_not_internal(spec, guest, is_running=is_running)
    kinds = {snapshot.kind for snapshot in others}
    if spec.kind == "auto":
        follows: Kind = next(iter(kinds)) if len(kinds) == 1 else ("external" if kinds or why_not_internal else "internal")
    else:
        follows = spec.kind
    if follows == "internal" and why_not_internal:
        raise Refused(f"An internal snapshot cannot be taken: {why_not_internal}.")
    if kinds and kinds != {follows}:
        raise Refused(
            f"This guest has {kinds.pop()} snapshots already, and the two kinds do not mix. Delete those first, or take the same kind."
        )
    if follows == "external" and not any(is_written(disk) for disk in guest.findall("devices/disk")):
        raise Refused("The guest has no disk in a file that it can write to, so there is nothing to take a snapshot of.")
    return follows


def _why_not_internal(spec: SnapshotSpec, guest: etree._Element, *, is_running: bool) -> str:
    if parse_firmware(guest) != "bios":
        return "libvirt cannot do that with UEFI firmware"
    for disk in guest.findall("devices/disk"):
        if is_written(disk) and attribute_at(disk, "driver", "type") != "qcow2":
            return f"disk {attribute_at(disk, 'target', 'dev')} is raw, and only qcow2 keeps snapshots inside"
    if is_running and not spec.with_memory:
        return "one of a running guest always has its memory; stop the guest, or include the memory"
    return ""
