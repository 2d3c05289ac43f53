"""Pools, volumes and networks. Every sentence here is true of the fake, of libvirt's test driver and of QEMU, or skips saying why."""

from __future__ import annotations

import io

import pytest

from hypervisor.errors import AlreadyExists, HypervisorError, NotFoundOnHost, Refused
from hypervisor.port import Host
from hypervisor.specs import PoolSpec, VolumeSpec
from tests.hypervisor.contract.conftest import Bench

MIB = 1024 * 1024
QCOW2_OF_3_MIB = b"QFI\xfb" + (3).to_bytes(4, "big") + bytes(16) + (3 * MIB).to_bytes(8, "big")


def ignore(done: int, total: int) -> None:
    """No progress wanted."""


def content_of(host: Host, pool: str, name: str) -> bytes:
    return b"".join(host.download_volume(pool, name))


def test_ensuring_a_pool_twice_gives_the_same_pool(bench: Bench, host: Host) -> None:
    spec = PoolSpec(bench.pool, bench.pool_path, autostart=False)
    first, second = host.ensure_pool(spec), host.ensure_pool(spec)
    assert (first.uuid, first.path, first.type, first.is_active) == (second.uuid, bench.pool_path, "dir", True)
    assert first.capacity_bytes >= first.available_bytes > 0
    assert bench.pool in {pool.name for pool in host.pools()}
    assert host.refresh_pool(bench.pool).uuid == first.uuid


def test_an_unknown_pool_is_not_found(host: Host) -> None:
    with pytest.raises(NotFoundOnHost):
        host.volumes("ct-no-such-pool")
    with pytest.raises(NotFoundOnHost):
        host.volume("ct-no-such-pool", "x")
    with pytest.raises(NotFoundOnHost):
        host.create_volume("ct-no-such-pool", VolumeSpec("x", MIB))


def test_a_volume_is_made_once_listed_and_deleted_twice(bench: Bench, host: Host) -> None:
    pool = bench.with_pool()
    made = host.create_volume(pool, VolumeSpec("a.qcow2", 5 * MIB))
    assert (made.name, made.format, made.capacity_bytes, made.path) == ("a.qcow2", "qcow2", 5 * MIB, f"{bench.pool_path}/a.qcow2")
    with pytest.raises(AlreadyExists):
        host.create_volume(pool, VolumeSpec("a.qcow2", 5 * MIB))
    assert host.volume(pool, "a.qcow2") == made
    assert [volume.name for volume in host.volumes(pool) if volume.format == "qcow2"] == ["a.qcow2"]
    host.delete_volume(pool, "a.qcow2")
    host.delete_volume(pool, "a.qcow2")
    assert host.volume(pool, "a.qcow2") is None


def test_an_overlay_names_its_base(bench: Bench, host: Host) -> None:
    pool = bench.with_pool()
    base = host.create_volume(pool, VolumeSpec("base.qcow2", 2 * MIB))
    host.create_volume(pool, VolumeSpec("over.qcow2", 4 * MIB, backing_path=base.path, backing_format="qcow2"))
    seen = host.volume(pool, "over.qcow2")
    assert seen is not None
    assert (seen.backing_path, seen.capacity_bytes) == (base.path, 4 * MIB)


def test_a_missing_base_is_refused(bench: Bench, host: Host) -> None:
    bench.needs("backing files")
    pool = bench.with_pool()
    missing = f"{bench.pool_path}/none.qcow2"
    with pytest.raises(HypervisorError, match=r"none\.qcow2"):
        host.create_volume(pool, VolumeSpec("over.qcow2", 4 * MIB, backing_path=missing, backing_format="qcow2"))
    assert host.volume(pool, "over.qcow2") is None


def test_an_upload_reports_progress_and_reads_back(bench: Bench, host: Host) -> None:
    pool = bench.with_pool()
    content = bytes(range(256)) * 4096 * 3
    host.create_volume(pool, VolumeSpec("up.iso", len(content), "iso"))
    seen: list[tuple[int, int]] = []
    host.upload_volume(pool, "up.iso", io.BytesIO(content), len(content), lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (len(content), len(content))
    bench.needs("bytes in its volumes")
    assert content_of(host, pool, "up.iso") == content


def test_an_upload_that_ends_early_is_refused(bench: Bench, host: Host) -> None:
    pool = bench.with_pool()
    host.create_volume(pool, VolumeSpec("up.iso", MIB, "iso"))
    with pytest.raises(Refused, match="ended after 10 of"):
        host.upload_volume(pool, "up.iso", io.BytesIO(b"0123456789"), MIB, ignore)
    host.delete_volume(pool, "up.iso")
    assert host.volume(pool, "up.iso") is None


def test_progress_may_stop_an_upload(bench: Bench, host: Host) -> None:
    class StopIt(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StopIt

    pool = bench.with_pool()
    host.create_volume(pool, VolumeSpec("up.iso", MIB, "iso"))
    with pytest.raises(StopIt):
        host.upload_volume(pool, "up.iso", io.BytesIO(bytes(MIB)), MIB, stop)
    host.delete_volume(pool, "up.iso")


def test_the_size_inside_an_uploaded_image_counts(bench: Bench, host: Host) -> None:
    bench.needs("bytes in its volumes")
    pool = bench.with_pool()
    host.create_volume(pool, VolumeSpec("image.qcow2", MIB))
    image = QCOW2_OF_3_MIB.ljust(2 * MIB + 7, b"\0")  # longer than the new file is on disk
    host.upload_volume(pool, "image.qcow2", io.BytesIO(image), len(image), ignore)
    seen = host.volume(pool, "image.qcow2")
    assert seen is not None
    assert seen.capacity_bytes == 3 * MIB


def test_a_copy_is_flat_grown_and_has_the_same_bytes(bench: Bench, host: Host) -> None:
    pool = bench.with_pool()
    content = b"kvmweb" * 100_000
    host.create_volume(pool, VolumeSpec("from.raw", len(content), "raw"))
    host.upload_volume(pool, "from.raw", io.BytesIO(content), len(content), ignore)
    seen: list[tuple[int, int]] = []
    copy = host.copy_volume(pool, "from.raw", VolumeSpec("to.raw", 2 * MIB, "raw"), lambda done, total: seen.append((done, total)))
    assert (copy.name, copy.capacity_bytes, copy.backing_path) == ("to.raw", 2 * MIB, "")
    assert seen[-1][0] == seen[-1][1]
    with pytest.raises(AlreadyExists):
        host.copy_volume(pool, "from.raw", VolumeSpec("to.raw", 2 * MIB, "raw"), ignore)
    with pytest.raises(NotFoundOnHost):
        host.copy_volume(pool, "none.raw", VolumeSpec("other.raw", 2 * MIB, "raw"), ignore)
    bench.needs("bytes in its volumes")
    assert content_of(host, pool, "to.raw")[: len(content)] == content


def test_a_volume_grows_but_never_shrinks(bench: Bench, host: Host) -> None:
    bench.needs("resizing of volumes")
    pool = bench.with_pool()
    host.create_volume(pool, VolumeSpec("a.qcow2", 2 * MIB))
    host.resize_volume(pool, "a.qcow2", 6 * MIB)
    seen = host.volume(pool, "a.qcow2")
    assert seen is not None
    assert seen.capacity_bytes == 6 * MIB
    with pytest.raises(Refused):
        host.resize_volume(pool, "a.qcow2", MIB)


def test_ensuring_a_network_twice_gives_the_same_network(bench: Bench, host: Host) -> None:
    spec = bench.network_spec()
    first, second = host.ensure_network(spec), host.ensure_network(spec)
    assert first.uuid == second.uuid
    assert (first.name, first.bridge, first.forward, first.is_active) == (spec.name, spec.bridge, "isolated", True)
    assert first.addresses == (f"{bench.subnet}.1/24",)
    assert spec.name in {network.name for network in host.networks()}
    with pytest.raises(NotFoundOnHost):
        host.leases("ct-no-such-network")
    assert host.leases(spec.name) == []
