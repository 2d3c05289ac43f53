"""Pools and volumes: look-ups, making, copying, and bytes in and out by streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import libvirt

from hypervisor.errors import Refused, TimedOut
from hypervisor.libvirt.base import Connected, still_there, while_watching
from hypervisor.libvirt.translate import is_code, translated, translating
from hypervisor.observed import ObservedPool, ObservedVolume
from hypervisor.port import ProgressCallback
from hypervisor.specs import PoolSpec, VolumeSpec
from hypervisor.xml.pool import build_pool, parse_pool
from hypervisor.xml.safe import to_text
from hypervisor.xml.volume import build_volume, parse_volume

CHUNK_BYTES = 256 * 1024 - 24
"""One message of libvirt's protocol (VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX)."""
BUSY_LIMIT_S, BUSY_LOOK_S = 900.0, 0.5


class VolumeCalls(Connected):
    @translated
    def pools(self) -> list[ObservedPool]:
        return still_there(_observed_pool, self._connection.listAllStoragePools(0))

    @translated
    def ensure_pool(self, spec: PoolSpec) -> ObservedPool:
        try:
            pool = self._connection.storagePoolLookupByName(spec.name)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_STORAGE_POOL:
                raise
            pool = self._connection.storagePoolDefineXML(to_text(build_pool(spec)), 0)
        if not pool.isActive():
            pool.build(0)
            pool.create(0)
        if bool(pool.autostart()) != spec.autostart:
            pool.setAutostart(int(spec.autostart))
        return _observed_pool(pool)

    @translated
    def refresh_pool(self, pool: str) -> ObservedPool:
        found = self._pool(pool)
        try:
            found.refresh(0)
        except libvirt.libvirtError as error:
            # Another volume is being made or filled: libvirt refreshes by itself when that ends.
            if "asynchronous jobs running" not in str(error):
                raise
        return _observed_pool(found)

    @translated
    def volumes(self, pool: str) -> list[ObservedVolume]:
        return still_there(_observed_volume, self._pool(pool).listAllVolumes(0))

    @translated
    def volume(self, pool: str, name: str) -> ObservedVolume | None:
        found = self._find(pool, name)
        return None if found is None else _observed_volume(found)

    @translated
    def create_volume(self, pool: str, spec: VolumeSpec) -> ObservedVolume:
        return _observed_volume(self._pool(pool).createXML(to_text(build_volume(spec)), 0))

    @translated
    def copy_volume(self, pool: str, source: str, spec: VolumeSpec, on_progress: ProgressCallback, *, to_pool: str = "") -> ObservedVolume:
        parent = self._pool(to_pool or pool)
        original = self._volume(pool, source)
        total = int(original.info()[2]) or 1
        copy = while_watching(
            lambda: parent.createXMLFrom(to_text(build_volume(spec)), original, 0),
            lambda: on_progress(min(total, _allocation(parent, spec.name)), total),
        )
        with translating():
            if int(copy.info()[1]) < spec.capacity_bytes:
                copy.resize(spec.capacity_bytes, 0)
        on_progress(total, total)
        return _observed_volume(copy)

    @translated
    def upload_volume(self, pool: str, name: str, source: BinaryIO, length: int, on_progress: ProgressCallback) -> None:
        volume = self._volume(pool, name)
        if self.is_test_driver:
            for _chunk in _chunks(source, name, length, on_progress):
                pass
            return
        stream = self._connection.newStream(0)
        volume.upload(stream, 0, length, 0)
        try:
            for chunk in _chunks(source, name, length, on_progress):
                _send(stream, chunk)
            stream.finish()
        except BaseException:
            with suppress(libvirt.libvirtError):
                stream.abort()
            raise

    def download_volume(self, pool: str, name: str) -> Iterator[bytes]:
        with translating():
            volume = self._volume(pool, name)
            stream = self._connection.newStream(0)
            volume.download(stream, 0, 0, 0)
            try:
                while chunk := stream.recv(CHUNK_BYTES):
                    yield chunk
                stream.finish()
            except BaseException:
                with suppress(libvirt.libvirtError):
                    stream.abort()
                raise

    @translated
    def resize_volume(self, pool: str, name: str, capacity_bytes: int) -> None:
        self._volume(pool, name).resize(capacity_bytes, 0)

    @translated
    def delete_volume(self, pool: str, name: str, *, while_busy: Callable[[], None] | None = None) -> None:
        give_up_at = time.monotonic() + BUSY_LIMIT_S
        while (found := self._find(pool, name)) is not None:
            try:
                found.delete(0)
                return
            except libvirt.libvirtError as error:
                if is_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
                    return
                if not _is_busy(error):
                    raise
            if time.monotonic() > give_up_at:
                raise TimedOut(f"Volume {name} in pool {pool} is still being written or read. Delete it when that has ended.")
            if while_busy is not None:
                while_busy()
            time.sleep(BUSY_LOOK_S)

    def _pool(self, name: str) -> Any:
        return self._connection.storagePoolLookupByName(name)

    def _find(self, pool: str, name: str) -> Any | None:
        try:
            return self._pool(pool).storageVolLookupByName(name)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_VOL:
                return None
            raise

    def _volume(self, pool: str, name: str) -> Any:
        return self._pool(pool).storageVolLookupByName(name)


def _chunks(source: BinaryIO, name: str, length: int, on_progress: ProgressCallback) -> Iterator[bytes]:
    done = 0
    while done < length:
        chunk = source.read(min(CHUNK_BYTES, length - done))
        if not chunk:
            raise Refused(f"The upload of {name} ended after {done} of {length} bytes. Start it again.")
        yield chunk
        done += len(chunk)
        on_progress(done, length)


def _send(stream: Any, chunk: bytes) -> None:
    while chunk:
        chunk = chunk[stream.send(chunk) :]


def _is_busy(error: libvirt.libvirtError) -> bool:
    """libvirt has no code of its own for a volume that one of its copies or streams holds."""
    text = error.get_error_message() or ""
    return is_code(error, libvirt.VIR_ERR_OPERATION_INVALID) and ("still being allocated" in text or "still in use" in text)


def _allocation(pool: Any, name: str) -> int:
    try:
        return int(pool.storageVolLookupByName(name).info()[2])
    except libvirt.libvirtError:
        return 0  # not there yet, or still too new to be asked


def _observed_pool(pool: Any) -> ObservedPool:
    definition = parse_pool(pool.XMLDesc(0))
    _state, capacity, allocation, available = pool.info()
    return ObservedPool(
        name=definition.name,
        uuid=definition.uuid,
        type=definition.type,
        path=definition.path,
        is_active=bool(pool.isActive()),
        autostart=bool(pool.autostart()),
        capacity_bytes=capacity,
        allocation_bytes=allocation,
        available_bytes=available,
    )


def _observed_volume(volume: Any) -> ObservedVolume:
    return parse_volume(volume.XMLDesc(0))
