"""Disks as a whole, saved states, and what a host offers."""

from __future__ import annotations

import pytest

from hypervisor.errors import NotFoundOnHost, Refused, Unsupported
from hypervisor.observed import PowerState
from hypervisor.outcomes import Took
from hypervisor.port import Host
from hypervisor.specs import GuestSpec, PoolSpec, SnapshotSpec, VolumeSpec
from tests.hypervisor.contract.conftest import Bench

MIB = 1024 * 1024


def second_pool(bench: Bench) -> str:
    folder = f"{bench.pool_path}/second"
    bench.host.ensure_pool(PoolSpec(f"{bench.pool}-2", folder, autostart=False))
    return f"{bench.pool}-2"


def path_of(host: Host, spec: GuestSpec) -> str:
    return host.definition(spec.uuid).spec.disks[0].path


@pytest.mark.parametrize("is_running", [False, True])
def test_a_disk_moves_to_another_pool(bench: Bench, host: Host, is_running: bool) -> None:
    bench.needs("copies between pools")
    spec, pool = bench.defined(), second_pool(bench)
    if is_running:
        host.start_guest(spec.uuid)
    moved = VolumeSpec("moved.qcow2", MIB)
    progress: list[tuple[int, int]] = []
    result = host.move_disk(spec.uuid, "vda", pool=pool, spec=moved, on_progress=lambda done, total: progress.append((done, total)))
    assert result.took is Took.NOW
    assert progress
    assert host.move_disk(spec.uuid, "vda", pool=pool, spec=moved).took is Took.ALREADY
    assert path_of(host, spec) == f"{bench.pool_path}/second/moved.qcow2"
    assert host.pending_changes(spec.uuid) == ()
    host.delete_volume(bench.pool, "guest.qcow2")
    host.force_off_guest(spec.uuid)
    host.start_guest(spec.uuid)
    host.force_off_guest(spec.uuid)
    host.delete_volume(pool, "moved.qcow2")


def test_a_stopped_move_leaves_the_guest_where_it_was(bench: Bench, host: Host) -> None:
    bench.needs("copies between pools")
    spec, pool = bench.started(), second_pool(bench)

    class StopIt(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StopIt

    with pytest.raises(StopIt):
        host.move_disk(spec.uuid, "vda", pool=pool, spec=VolumeSpec("moved.qcow2", MIB), on_progress=stop)
    assert path_of(host, spec) == spec.disks[0].path
    assert host.move_disk(spec.uuid, "vda", pool=pool, spec=VolumeSpec("moved.qcow2", MIB)).took is Took.NOW
    host.force_off_guest(spec.uuid)
    host.delete_volume(pool, "moved.qcow2")


def test_a_disk_with_snapshots_does_not_move(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    host.create_snapshot(spec.uuid, SnapshotSpec("one", kind="internal"))
    with pytest.raises(Refused, match="snapshots"):
        host.move_disk(spec.uuid, "vda", pool=bench.pool, spec=VolumeSpec("moved.qcow2", MIB))
    with pytest.raises(NotFoundOnHost):
        host.flatten_disk(spec.uuid, "vdz")


@pytest.mark.parametrize("is_running", [False, True])
def test_a_linked_disk_becomes_independent(bench: Bench, host: Host, is_running: bool) -> None:
    bench.needs("backing files")
    pool = bench.with_pool()
    base = host.create_volume(pool, VolumeSpec("base.qcow2", MIB))
    host.create_volume(pool, VolumeSpec("linked.qcow2", MIB, backing_path=base.path, backing_format="qcow2"))
    spec = bench.defined()
    linked = host.definition(spec.uuid).spec.disks[0]
    host.detach_disk(spec.uuid, "vda")
    host.attach_disk(spec.uuid, type(linked)("vda", f"{bench.pool_path}/linked.qcow2", "qcow2"))
    if is_running:
        host.start_guest(spec.uuid)
    assert host.flatten_disk(spec.uuid, "vda").took is Took.NOW
    assert host.flatten_disk(spec.uuid, "vda").took is Took.ALREADY
    host.refresh_pool(pool)
    seen = host.volume(pool, "linked.qcow2")
    assert seen is not None
    assert seen.backing_path == ""


def test_a_copy_can_go_to_another_pool(bench: Bench, host: Host) -> None:
    bench.needs("copies between pools")
    pool, other = bench.with_pool(), second_pool(bench)
    host.create_volume(pool, VolumeSpec("from.qcow2", MIB))
    copy = host.copy_volume(pool, "from.qcow2", VolumeSpec("to.qcow2", 2 * MIB), lambda done, total: None, to_pool=other)
    assert copy.path == f"{bench.pool_path}/second/to.qcow2"
    assert host.volume(pool, "to.qcow2") is None
    host.delete_volume(other, "to.qcow2")


def test_sizes_of_disks_are_told(bench: Bench, host: Host) -> None:
    bench.needs("sizes of disks")
    spec = bench.defined()
    assert [(size.target, size.capacity_bytes) for size in host.disk_sizes(spec.uuid)] == [("vda", MIB)]


def test_a_saved_guest_goes_on_where_it_was(bench: Bench, host: Host) -> None:
    spec = bench.started()
    host.save_guest(spec.uuid)
    host.save_guest(spec.uuid)
    assert host.is_saved(spec.uuid)
    state = host.guest_state(spec.uuid)
    assert state is not None
    assert state.power_state is PowerState.SHUTOFF
    host.start_guest(spec.uuid)
    assert not host.is_saved(spec.uuid)
    host.save_guest(spec.uuid)
    host.forget_saved(spec.uuid)
    host.forget_saved(spec.uuid)
    assert not host.is_saved(spec.uuid)
    with pytest.raises(Refused):
        host.save_guest(spec.uuid)


def test_a_guest_without_an_agent_says_so_quickly(bench: Bench, host: Host) -> None:
    spec = bench.started()
    with pytest.raises((Refused, Unsupported)):
        host.agent_info(spec.uuid)
    with pytest.raises((Refused, Unsupported)):
        host.agent_set_password(spec.uuid, "root", "x")
    bench.needs("agents")
    assert host.agent_is_ready(spec.uuid) is False
    host.force_off_guest(spec.uuid)
    with pytest.raises(Refused, match="not running"):
        host.agent_read_text(spec.uuid, "/etc/hostname")


def test_a_host_tells_what_it_offers(host: Host) -> None:
    offers = host.offers()
    assert "bios" in offers.firmwares
    assert "maximum" in offers.cpu_modes
    assert "virtio" in offers.disk_buses
    assert offers.vcpus_max >= 1
    assert isinstance(host.host_devices(), list)
