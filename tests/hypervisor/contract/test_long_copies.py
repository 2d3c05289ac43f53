"""Copies that take time: libvirt cannot stop one, so a copy goes on when the worker that began it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hypervisor.port import Host
from hypervisor.specs import VolumeSpec
from tests.hypervisor.contract.conftest import LIBVIRT_SOCKET, Bench

MIB = 1024 * 1024
COPIER = """
import os, sys
from hypervisor.libvirt.sessions import connect
from hypervisor.specs import HostAddress, VolumeSpec
host = connect(HostAddress("local", sys.argv[1]))
host.copy_volume(sys.argv[2], "from.raw", VolumeSpec("to.raw", int(sys.argv[3]), "raw"), lambda done, total: None)
"""


@pytest.fixture
def big_volume(bench: Bench, host: Host) -> VolumeSpec:
    bench.needs("copies that take time", missing_on=("fake", "test-file", "test-daemon"))
    spec = VolumeSpec("from.raw", 400 * MIB, "raw")
    host.create_volume(bench.with_pool(), spec)
    with Path(bench.pool_path, spec.name).open("r+b") as file:
        for _ in range(400):
            file.write(os.urandom(MIB))
    host.refresh_pool(bench.pool)
    return spec


def test_the_copy_of_a_killed_worker_is_waited_for_and_deleted(bench: Bench, host: Host, big_volume: VolumeSpec) -> None:
    copy = Path(bench.pool_path, "to.raw")
    with subprocess.Popen([sys.executable, "-c", COPIER, LIBVIRT_SOCKET, bench.pool, str(big_volume.capacity_bytes)]) as worker:
        while not copy.exists():
            time.sleep(0.01)
        worker.kill()
    waits: list[int] = []
    host.delete_volume(bench.pool, "to.raw", while_busy=lambda: waits.append(copy.stat().st_blocks))
    assert waits, "the copy was over before the worker was killed"
    assert not copy.exists()
    assert host.volume(bench.pool, "to.raw") is None
    host.delete_volume(bench.pool, "from.raw")


def test_waiting_for_a_copy_can_be_given_up(bench: Bench, host: Host, big_volume: VolumeSpec) -> None:
    with ThreadPoolExecutor(1) as threads:
        copying = threads.submit(
            host.copy_volume, bench.pool, "from.raw", VolumeSpec("to.raw", big_volume.capacity_bytes, "raw"), lambda done, total: None
        )
        while not Path(bench.pool_path, "to.raw").exists():
            time.sleep(0.01)
        with pytest.raises(ZeroDivisionError):
            host.delete_volume(bench.pool, "from.raw", while_busy=lambda: 1 // 0)
        assert copying.result().name == "to.raw"


def test_a_cancelled_copy_ends_before_the_cancel_is_told(bench: Bench, host: Host, big_volume: VolumeSpec) -> None:
    def cancel(done: int, total: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        host.copy_volume(bench.pool, "from.raw", VolumeSpec("to.raw", big_volume.capacity_bytes, "raw"), cancel)
    host.delete_volume(bench.pool, "to.raw", while_busy=lambda: pytest.fail("it was still being written"))
    assert [volume.name for volume in host.volumes(bench.pool)] == ["from.raw"]
