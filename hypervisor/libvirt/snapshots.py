"""libvirt's side of snapshots: its records, its internal snapshots, and block jobs that merge overlays, running guest or not.

The chain of a stopped guest is merged by a helper: a QEMU that libvirt starts paused on nothing but that chain and that ends with our
connection. So it works on every host, confined as any guest is, and qemu-img never reads a guest's file as our user.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import libvirt
from lxml import etree

from hypervisor.chains import Merge
from hypervisor.errors import HypervisorError, NotFoundOnHost, Unsupported
from hypervisor.libvirt.base import HELPER_PREFIX
from hypervisor.libvirt.blockjobs import wait_for_block_job
from hypervisor.libvirt.devices import DeviceCalls
from hypervisor.libvirt.states import POWER_STATES
from hypervisor.libvirt.translate import is_code, translated
from hypervisor.observed import ObservedVolume, PowerState
from hypervisor.operations.snapshot_primitives import OnProgress
from hypervisor.operations.snapshots import SnapshotOperations
from hypervisor.xml.disk import edit_path
from hypervisor.xml.element import E
from hypervisor.xml.safe import parse_xml, text_at, to_text
from hypervisor.xml.volume import parse_volume

_SECURE = libvirt.VIR_DOMAIN_SNAPSHOT_XML_SECURE
HELPER_MEMORY_MIB = 64


class SnapshotCalls(SnapshotOperations, DeviceCalls):
    @translated
    def _power_state(self, uuid: UUID) -> PowerState:
        return POWER_STATES[self._guest(uuid).state()[0]]

    @translated
    def _snapshot_xmls(self, uuid: UUID) -> list[tuple[str, bool]]:
        domain = self._guest(uuid)
        current = domain.snapshotCurrent().getName() if domain.hasCurrentSnapshot() else ""
        return [(one.getXMLDesc(_SECURE), one.getName() == current) for one in domain.listAllSnapshots()]

    @translated
    def _take(self, uuid: UUID, snapshot: etree._Element, *, disks_only: bool, quiesce: bool) -> None:
        flags = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
        if disks_only:
            flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
        if quiesce:
            flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE
        if self.is_test_driver:
            if disks_only:
                raise Unsupported("libvirt's test driver has no external snapshots.")
            flags = 0
        self._guest(uuid).snapshotCreateXML(to_text(snapshot), flags)

    @translated
    def _redefine_snapshot(self, uuid: UUID, snapshot: etree._Element, *, is_current: bool) -> None:
        flags = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE
        if is_current:
            flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT
        self._guest(uuid).snapshotCreateXML(to_text(snapshot), flags)

    @translated
    def _forget_snapshot(self, uuid: UUID, name: str) -> None:
        gone = self._guest(uuid).snapshotLookupByName(name)
        parent = text_at(parse_xml(gone.getXMLDesc(0)), "parent/name")
        # libvirt 9.0 takes for granted that the files were merged, and points the children's records to the file below: wrong where
        # another branch still needs it. So the snapshot is without children before it goes.
        for xml, is_current in self._snapshot_xmls(uuid):
            child = parse_xml(xml)
            if text_at(child, "parent/name") == name:
                for old in child.findall("parent"):
                    child.remove(old)
                if parent:
                    child.append(E.parent(E.name(parent)))
                self._redefine_snapshot(uuid, child, is_current=is_current)
        gone.delete(libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)

    @translated
    def _delete_internal(self, uuid: UUID, name: str) -> None:
        self._guest(uuid).snapshotLookupByName(name).delete(0)

    @translated
    def _revert_internal(self, uuid: UUID, name: str) -> None:
        domain = self._guest(uuid)
        domain.revertToSnapshot(domain.snapshotLookupByName(name), 0 if self.is_test_driver else libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_FORCE)

    @translated
    def _restore_memory(self, uuid: UUID, memory_path: str, *, paths: Mapping[str, str]) -> None:
        saved = parse_xml(self._connection.saveImageGetXMLDesc(memory_path, libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE))
        for old, new in paths.items():
            edit_path(saved, old, new=new)
        self._connection.restoreFlags(memory_path, to_text(saved), 0)

    @translated
    def _files(self) -> dict[str, ObservedVolume]:
        if self.is_test_driver:
            return {}
        found = {}
        for pool in self._connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
            with suppress(libvirt.libvirtError):  # busy with a volume of its own: what is known of it is good enough
                pool.refresh(0)
            with suppress(libvirt.libvirtError):  # gone meanwhile
                for volume in pool.listAllVolumes(0):
                    seen = parse_volume(volume.XMLDesc(0))
                    found[seen.path] = seen
        return found

    @translated
    def _make_overlay(self, path: str, base: ObservedVolume) -> None:
        pool = self._pool_of(path)
        volume = E.volume(
            E.name(posixpath.basename(path)),
            E.capacity(str(base.capacity_bytes), unit="bytes"),
            E.target(E.format(type="qcow2"), E.compat("1.1")),
            E.backingStore(E.path(base.path), E.format(type=base.format)),
        )
        pool.createXML(to_text(volume), 0)

    @translated
    def _drop_file(self, path: str) -> None:
        if self.is_test_driver:
            return
        with suppress(HypervisorError):
            pool = self._pool_of(path)
            with suppress(libvirt.libvirtError):
                pool.refresh(0)
            try:
                pool.storageVolLookupByName(posixpath.basename(path)).delete(0)
            except libvirt.libvirtError as error:
                if not is_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
                    raise

    def _pool_of(self, path: str) -> Any:
        folder = posixpath.dirname(path)
        for pool in self._connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
            if text_at(parse_xml(pool.XMLDesc(0)), "target/path") == folder:
                return pool
        raise NotFoundOnHost(f"No active pool holds {path}.")

    # merging
    @translated
    def _merge(self, uuid: UUID, target: str | None, leaf: str, step: Merge, on_progress: OnProgress) -> None:
        if target is not None:
            _commit(self._guest(uuid), target, leaf, step, on_progress)
            return
        with self._helper(leaf) as helper:
            _commit(helper, "vda", leaf, step, on_progress)

    @contextmanager
    def _helper(self, leaf: str) -> Iterator[Any]:
        name = HELPER_PREFIX + hashlib.sha256(leaf.encode()).hexdigest()[:12]
        with suppress(libvirt.libvirtError):  # that of a worker who was killed, on its way out
            self._connection.lookupByName(name).destroy()
        flags = libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
        helper = self._connection.createXML(to_text(_helper_definition(name, leaf)), flags)
        try:
            yield helper
        finally:
            with suppress(libvirt.libvirtError):
                helper.destroy()


def _helper_definition(name: str, leaf: str) -> etree._Element:
    return E.domain(
        E.name(name),
        E.memory(str(HELPER_MEMORY_MIB), unit="MiB"),
        E.vcpu("1"),
        E.os(E.type("hvm", arch="x86_64", machine="q35")),
        E.devices(
            E.disk(
                E.driver(name="qemu", type="qcow2", discard="unmap"),
                E.source(file=leaf),
                E.target(dev="vda", bus="virtio"),
                type="file",
                device="disk",
            ),
            E.controller(type="usb", model="none"),
            E.memballoon(model="none"),
        ),
        type="qemu",
    )


def _commit(domain: Any, target: str, leaf: str, step: Merge, on_progress: OnProgress) -> None:
    is_active_layer = leaf == step.overlay
    job = domain.blockJobInfo(target, 0)
    if not job:  # else one that an earlier try began
        flags = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE if is_active_layer else 0
        domain.blockCommit(target, step.base, step.overlay, 0, flags)
    wait_for_block_job(domain, target, on_progress, pivots=is_active_layer)
