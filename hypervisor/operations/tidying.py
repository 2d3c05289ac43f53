"""Merging and dropping the files that snapshots left superfluous, one step at a time, each found anew from what is really there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from lxml import etree

from hypervisor.chains import Drop, Merge, chain_of, family_of, leaf_above, next_step
from hypervisor.observed import ObservedVolume
from hypervisor.operations.snapshot_primitives import OnProgress, SnapshotPrimitives
from hypervisor.xml.disk import edit_path
from hypervisor.xml.safe import attribute_at, parse_xml, text_at
from hypervisor.xml.snapshot import edit_snapshot_path, parse_snapshot


@dataclass(frozen=True)
class Tree:
    """The files of a guest's disks and what hangs on them, as it is at this moment."""

    files: Mapping[str, ObservedVolume]
    backing: Mapping[str, str]
    live: etree._Element | None
    ours: Collection[str]
    pinned: Collection[str]
    whole: Collection[str]
    marked: Collection[str]
    """What the record of the snapshot being deleted points to: its own file, or the overlay that is being merged into that."""


def _rewritten_next(tree: Tree) -> Merge | None:
    """A merge that was done before a crash, and whose overlay somebody still points to. No two snapshots point to one file by nature, and
    the overlay's own overlays lie on the base already."""
    for overlay in sorted(tree.marked):
        base = tree.backing.get(overlay, "")
        others = [path for path, below in tree.backing.items() if base and below == base and path != overlay]
        if overlay in tree.pinned and base in tree.ours and base not in tree.pinned and others:
            return Merge(base, overlay)
    return None


def paths_of(guest: etree._Element | None) -> set[str]:
    disks = [] if guest is None else guest.findall("devices/disk")
    return {attribute_at(disk, "source", "file") for disk in disks} - {""}


class Tidying(SnapshotPrimitives):
    def _tidy(self, uuid: UUID, *, without: str, abandoned: Collection[str], on_progress: OnProgress) -> None:
        """Merge and drop until nothing is superfluous; `without` is the snapshot being deleted, whose file is superfluous then."""
        last: Merge | Drop | None = None
        while True:
            tree = self._tree(uuid, without)
            unfinished = _rewritten_next(tree)
            if unfinished is not None:
                self._rewrite(uuid, unfinished, tree.files[unfinished.base].format, without)
                continue
            step = next_step(tree.backing, ours=tree.ours, pinned=tree.pinned, whole=tree.whole, abandoned={*abandoned, *tree.marked})
            if step is None or step == last:
                return
            if isinstance(step, Drop):
                self._drop_file(step.path)
            else:
                self._merge_one(uuid, step, tree, without, on_progress)
            last = step

    def _tree(self, uuid: UUID, without: str) -> Tree:
        files = self._files()
        backing = {path: volume.backing_path for path, volume in files.items()}
        records = [parse_snapshot(xml, is_current=False) for xml, _current in self._snapshot_xmls(uuid)]
        live, definition = self._live(uuid), self._definition(uuid)
        held = {disk.path for record in records if record.name != without for disk in record.disks}
        marked = {disk.path for record in records if record.name == without for disk in record.disks}
        pinned = held | paths_of(definition) | paths_of(live)
        return Tree(
            files=files,
            backing=backing,
            live=live,
            ours=set().union(*(family_of(path, backing) for path in pinned | marked if path in files)),
            pinned=pinned,
            whole={disk.path for record in records if record.kind == "internal" for disk in record.disks},
            marked=marked,
        )

    def _merge_one(self, uuid: UUID, step: Merge, tree: Tree, without: str, on_progress: OnProgress) -> None:
        disks = [] if tree.live is None else tree.live.findall("devices/disk")
        in_use = [disk for disk in disks if step.overlay in chain_of(attribute_at(disk, "source", "file"), tree.backing)]
        target = attribute_at(in_use[0], "target", "dev") if in_use else None
        leaf = attribute_at(in_use[0], "source", "file") if in_use else leaf_above(step.overlay, tree.backing)
        # From here on the record of the snapshot being deleted says what is being merged away, for whoever goes on with it.
        self._edit_records(uuid, step.base, new=step.overlay, new_format="qcow2", concerns=lambda name: name == without)
        self._merge(uuid, target, leaf, step, on_progress)
        self._rewrite(uuid, step, tree.files[step.base].format, without)
        self._drop_file(step.overlay)

    def _rewrite(self, uuid: UUID, step: Merge, new_format: str, without: str) -> None:
        """What the overlay held is in its base now: everybody who was on the overlay is told."""
        self._edit_records(uuid, step.overlay, new=step.base, new_format=new_format, concerns=lambda name: name != without)
        definition = self._definition(uuid)
        if self._is_persistent(uuid) and edit_path(definition, step.overlay, new=step.base, new_format=new_format):
            self._define(definition)

    def _edit_records(self, uuid: UUID, old: str, *, new: str, new_format: str, concerns: Callable[[str], bool]) -> None:
        for xml, is_current in self._snapshot_xmls(uuid):
            snapshot = parse_xml(xml)
            if concerns(text_at(snapshot, "name")) and edit_snapshot_path(snapshot, old, new=new, new_format=new_format):
                self._redefine_snapshot(uuid, snapshot, is_current=is_current)
