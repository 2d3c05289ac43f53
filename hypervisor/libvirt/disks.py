"""libvirt's side of moving and flattening disks: block jobs of the running guest, or of a helper for a stopped one."""

from __future__ import annotations

import posixpath
from uuid import UUID

import libvirt

from hypervisor.errors import Refused, Unsupported
from hypervisor.libvirt.base import while_watching
from hypervisor.libvirt.blockjobs import wait_for_block_job
from hypervisor.libvirt.snapshots import SnapshotCalls
from hypervisor.libvirt.translate import translated
from hypervisor.observed import DiskSize
from hypervisor.operations.disks import DiskOperations
from hypervisor.operations.snapshot_primitives import OnProgress
from hypervisor.specs import VolumeSpec
from hypervisor.xml.disk import find_disk
from hypervisor.xml.element import E
from hypervisor.xml.pool import parse_pool
from hypervisor.xml.safe import attribute_at, parse_xml, to_text
from hypervisor.xml.volume import build_volume


class DiskCalls(DiskOperations, SnapshotCalls):
    @translated
    def _make_copy_target(self, pool: str, spec: VolumeSpec) -> str:
        return str(self._connection.storagePoolLookupByName(pool).createXML(to_text(build_volume(spec)), 0).path())

    @translated
    def _path_in(self, pool: str, name: str) -> str:
        return posixpath.join(parse_pool(self._connection.storagePoolLookupByName(pool).XMLDesc(0)).path, name)

    @translated
    def _is_copying_to(self, uuid: UUID, target: str, path: str) -> bool:
        domain = self._guest(uuid)
        job = domain.blockJobInfo(target, 0)
        if not job:
            return False
        disk = find_disk(parse_xml(domain.XMLDesc(0)), target)
        if disk is not None and attribute_at(disk, "mirror/source", "file") == path:
            return True
        raise Refused(f"Disk {target} is being worked on already. Wait for that to end.")

    @translated
    def _copy_running(self, uuid: UUID, target: str, path: str, volume_format: str, on_progress: OnProgress) -> None:
        domain = self._guest(uuid)
        if not domain.blockJobInfo(target, 0):
            destination = E.disk(E.driver(name="qemu", type=volume_format), E.source(file=path), type="file")
            # A guest that has a definition may only have jobs that do not outlive its QEMU; ours is begun anew then.
            flags = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
            domain.blockCopy(target, to_text(destination), None, flags)
        wait_for_block_job(domain, target, on_progress, pivots=True)

    @translated
    def _copy_stopped(self, source: str, pool: str, spec: VolumeSpec, on_progress: OnProgress) -> None:
        original = self._connection.storageVolLookupByPath(source)
        parent = self._connection.storagePoolLookupByName(pool)
        total = int(original.info()[2]) or 1
        while_watching(lambda: parent.createXMLFrom(to_text(build_volume(spec)), original, 0), lambda: on_progress(0, total))
        on_progress(total, total)

    @translated
    def _pull(self, uuid: UUID, target: str | None, leaf: str, on_progress: OnProgress) -> None:
        if target is not None:
            self._pull_in(self._guest(uuid), target, on_progress)
            return
        with self._helper(leaf) as helper:
            self._pull_in(helper, "vda", on_progress)

    def _pull_in(self, domain: object, target: str, on_progress: OnProgress) -> None:
        if not domain.blockJobInfo(target, 0):  # type: ignore[attr-defined]
            domain.blockPull(target, 0, 0)  # type: ignore[attr-defined]
        wait_for_block_job(domain, target, on_progress, pivots=False)

    @translated
    def _disk_sizes(self, uuid: UUID) -> list[DiskSize]:
        if self.is_test_driver:
            raise Unsupported("libvirt's test driver cannot tell the size of a disk.")
        domain, found = self._guest(uuid), []
        for disk in parse_xml(domain.XMLDesc(0)).findall("devices/disk"):
            target = attribute_at(disk, "target", "dev")
            if disk.get("device") == "disk" and attribute_at(disk, "source", "file"):
                capacity, allocation, physical = domain.blockInfo(target)
                found.append(DiskSize(target, int(capacity), int(allocation), int(physical)))
        return found
