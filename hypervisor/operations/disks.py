"""A disk as a whole: moving it to another pool, making it independent of its base, and how large it is."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from hypervisor.chains import chain_of
from hypervisor.errors import NotFoundOnHost, Refused
from hypervisor.observed import DiskSize
from hypervisor.operations.snapshot_primitives import OnProgress, SnapshotPrimitives, no_progress
from hypervisor.operations.snapshots import SnapshotOperations
from hypervisor.outcomes import ChangeResult, Took
from hypervisor.specs import DiskSpec, VolumeSpec
from hypervisor.xml.definition import parse_spec
from hypervisor.xml.disk import edit_path


class DiskPrimitives(SnapshotPrimitives, Protocol):
    def _make_copy_target(self, pool: str, spec: VolumeSpec) -> str:
        """An empty volume, made anew; its path."""

    def _path_in(self, pool: str, name: str) -> str:
        """Where a volume of that name lies, or would."""

    def _copy_running(self, uuid: UUID, target: str, path: str, volume_format: str, on_progress: OnProgress) -> None:
        """Mirror the disk to `path` while the guest runs, then move the running guest over. Goes on with a mirror begun earlier."""

    def _is_copying_to(self, uuid: UUID, target: str, path: str) -> bool: ...
    def _copy_stopped(self, source: str, pool: str, spec: VolumeSpec, on_progress: OnProgress) -> None: ...
    def _pull(self, uuid: UUID, target: str | None, leaf: str, on_progress: OnProgress) -> None:
        """Copy what the leaf takes from below into it, so that it lies on nothing."""

    def _disk_sizes(self, uuid: UUID) -> list[DiskSize]: ...


class DiskOperations(SnapshotOperations, DiskPrimitives):
    def disk_sizes(self, uuid: UUID) -> list[DiskSize]:
        return self._disk_sizes(uuid)

    def move_disk(self, uuid: UUID, target: str, *, pool: str, spec: VolumeSpec, on_progress: OnProgress = no_progress) -> ChangeResult:
        disk = self._movable(uuid, target)
        path, new_format = self._path_in(pool, spec.name), "qcow2" if spec.format == "qcow2" else "raw"
        live = self._live(uuid)
        if disk.path != path:
            if live is None:
                self._drop_file(path)
                self._copy_stopped(disk.path, pool, spec, on_progress)
            else:
                if not self._is_copying_to(uuid, target, path):
                    self._drop_file(path)
                    self._make_copy_target(pool, spec)
                self._copy_running(uuid, target, path, new_format, on_progress)
        definition = self._definition(uuid)
        there = {one.target: one for one in parse_spec(definition).disks}.get(target)
        if there is None or there.path == path:
            return ChangeResult(Took.ALREADY if disk.path == path else Took.NOW)
        edit_path(definition, there.path, new=path, new_format=new_format)
        self._define(definition)
        return ChangeResult(Took.NOW)

    def flatten_disk(self, uuid: UUID, target: str, *, on_progress: OnProgress = no_progress) -> ChangeResult:
        disk = self._movable(uuid, target)
        backing = {path: volume.backing_path for path, volume in self._files().items()}
        if len(chain_of(disk.path, backing)) == 1:
            return ChangeResult(Took.ALREADY)
        self._pull(uuid, target if self._live(uuid) is not None else None, disk.path, on_progress)
        return ChangeResult(Took.NOW)

    def _movable(self, uuid: UUID, target: str) -> DiskSpec:
        live = self._live(uuid)
        disks = parse_spec(live if live is not None else self._definition(uuid)).disks
        disk = next((one for one in disks if one.target == target), None)
        if disk is None:
            raise NotFoundOnHost(f"The guest has no disk {target}.")
        if disk.device == "cdrom" or not disk.path:
            raise Refused(f"{target} is a CD-ROM drive: change its medium instead.")
        if self.snapshots(uuid):
            raise Refused("This guest has snapshots, which are tied to its files. Delete them first.")
        return disk
