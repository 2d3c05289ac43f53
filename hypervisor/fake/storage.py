"""Pools, volumes with their bytes, and networks of a fake host."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from typing import BinaryIO

from hypervisor.errors import AlreadyExists, NoSpace, NotFoundOnHost, Refused
from hypervisor.fake.calls import FakeConnection, call
from hypervisor.fake.machine import FakeNetwork, FakePool, FakeVolume
from hypervisor.observed import EventKind, Lease, ObservedNetwork, ObservedPool, ObservedVolume
from hypervisor.port import ProgressCallback
from hypervisor.specs import NetworkSpec, PoolSpec, VolumeSpec

CHUNK_BYTES = 1024 * 1024


class FakeStorage(FakeConnection):
    @call
    def pools(self) -> list[ObservedPool]:
        return [_observed_pool(pool) for pool in self.machine.pools.values()]

    @call
    def ensure_pool(self, spec: PoolSpec) -> ObservedPool:
        if spec.name not in self.machine.pools:
            self.machine.pools[spec.name] = FakePool(spec, self.machine.pool_capacity_bytes)
            self.machine.tell(EventKind.POOL, name=spec.name)
        return _observed_pool(self.machine.pools[spec.name])

    @call
    def refresh_pool(self, pool: str) -> ObservedPool:
        return _observed_pool(self.machine.pool(pool))

    @call
    def volumes(self, pool: str) -> list[ObservedVolume]:
        return [observed_volume(volume) for volume in self.machine.pool(pool).volumes.values()]

    @call
    def volume(self, pool: str, name: str) -> ObservedVolume | None:
        found = self.machine.pool(pool).volumes.get(name)
        return observed_volume(found) if found else None

    @call
    def create_volume(self, pool: str, spec: VolumeSpec) -> ObservedVolume:
        return observed_volume(self._add(pool, spec))

    @call
    def copy_volume(self, pool: str, source: str, spec: VolumeSpec, on_progress: ProgressCallback, *, to_pool: str = "") -> ObservedVolume:
        original = self._volume(pool, source)
        copy = self._add(to_pool or pool, spec)
        copy.capacity_bytes = max(spec.capacity_bytes, original.capacity_bytes)
        for done in range(0, len(original.content), CHUNK_BYTES):
            on_progress(done, len(original.content))
        copy.content = original.content
        on_progress(len(original.content), len(original.content))
        return observed_volume(copy)

    @call
    def upload_volume(self, pool: str, name: str, source: BinaryIO, length: int, on_progress: ProgressCallback) -> None:
        volume = self._volume(pool, name)
        self._need_space()
        received = bytearray()
        while len(received) < length:
            chunk = source.read(min(CHUNK_BYTES, length - len(received)))
            if not chunk:
                raise Refused(f"The upload of {name} ended after {len(received)} of {length} bytes. Start it again.")
            received += chunk
            on_progress(len(received), length)
        volume.content = bytes(received)
        volume.capacity_bytes = _virtual_size(volume.content) or max(volume.capacity_bytes, length)

    def download_volume(self, pool: str, name: str) -> Iterator[bytes]:
        content = self._content(pool, name)
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]

    @call
    def resize_volume(self, pool: str, name: str, capacity_bytes: int) -> None:
        volume = self._volume(pool, name)
        if capacity_bytes < volume.capacity_bytes:
            raise Refused(f"Volume {name} cannot shrink from {volume.capacity_bytes} to {capacity_bytes} bytes.")
        volume.capacity_bytes = capacity_bytes

    @call
    def delete_volume(self, pool: str, name: str, *, while_busy: Callable[[], None] | None = None) -> None:
        self.machine.pool(pool).volumes.pop(name, None)

    @call
    def networks(self) -> list[ObservedNetwork]:
        return [_observed_network(network) for network in self.machine.networks.values()]

    @call
    def ensure_network(self, spec: NetworkSpec) -> ObservedNetwork:
        if spec.name not in self.machine.networks:
            self.machine.networks[spec.name] = FakeNetwork(spec)
            self.machine.tell(EventKind.NETWORK, name=spec.name)
        return _observed_network(self.machine.networks[spec.name])

    @call
    def leases(self, network: str) -> list[Lease]:
        if network not in self.machine.networks:
            raise NotFoundOnHost(f'Network "{network}" does not exist on host {self.machine.label}.')
        return [Lease(mac, address, hostname, 0) for mac, address, hostname in self.machine.leases.get(network, [])]

    @call
    def _content(self, pool: str, name: str) -> bytes:
        return self._volume(pool, name).content

    def _volume(self, pool: str, name: str) -> FakeVolume:
        try:
            return self.machine.pool(pool).volumes[name]
        except KeyError:
            raise NotFoundOnHost(f'Volume "{name}" does not exist in pool "{pool}".') from None

    def _add(self, pool: str, spec: VolumeSpec) -> FakeVolume:
        target = self.machine.pool(pool)
        if spec.name in target.volumes:
            raise AlreadyExists(f'Volume "{spec.name}" exists in pool "{pool}" already.')
        self._need_space()
        if spec.backing_path and not any(
            volume.path == spec.backing_path for other in self.machine.pools.values() for volume in other.volumes.values()
        ):
            raise Refused(f"The backing file {spec.backing_path} does not exist.")
        path = posixpath.join(target.spec.path, spec.name)
        target.volumes[spec.name] = FakeVolume(spec, path, spec.capacity_bytes)
        return target.volumes[spec.name]

    def _need_space(self) -> None:
        if self.machine.faults.has_no_space:
            raise NoSpace("No space left on device.")


def _virtual_size(content: bytes) -> int:
    """What a qcow2 header declares, as libvirt finds out after an upload; 0 for anything else."""
    return int.from_bytes(content[24:32], "big") if content[:4] == b"QFI\xfb" else 0


def _observed_pool(pool: FakePool) -> ObservedPool:
    return ObservedPool(
        name=pool.spec.name,
        uuid=pool.uuid,
        type="dir",
        path=pool.spec.path,
        is_active=True,
        autostart=pool.spec.autostart,
        capacity_bytes=pool.capacity_bytes,
        allocation_bytes=pool.used_bytes,
        available_bytes=pool.capacity_bytes - pool.used_bytes,
    )


def observed_volume(volume: FakeVolume) -> ObservedVolume:
    return ObservedVolume(
        name=volume.spec.name,
        path=volume.path,
        format="raw" if volume.spec.format == "iso" else volume.spec.format,
        capacity_bytes=volume.capacity_bytes,
        allocation_bytes=len(volume.content),
        backing_path=volume.spec.backing_path,
    )


def _observed_network(network: FakeNetwork) -> ObservedNetwork:
    return ObservedNetwork(
        name=network.spec.name,
        uuid=network.uuid,
        bridge=network.spec.bridge,
        forward=network.spec.forward,
        is_active=True,
        autostart=network.spec.autostart,
        addresses=(f"{network.spec.address}/{network.spec.prefix}",),
    )
