"""Snapshots of both kinds: taken, listed as a tree, gone back to, deleted in any order; files that are merged and files left alone."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import pytest

from hypervisor.chains import overlay_path
from hypervisor.errors import NotFoundOnHost, Refused, TimedOut
from hypervisor.fake import FakeHost
from hypervisor.libvirt.base import HELPER_PREFIX
from hypervisor.observed import PowerState
from hypervisor.port import Host
from hypervisor.specs import DiskSpec, GuestSpec, PciDevice, SnapshotSpec, VolumeSpec
from hypervisor.xml.snapshot import parse_snapshot
from tests.hypervisor.contract.conftest import LIBVIRT_SOCKET, Bench

MIB = 1024 * 1024


def path_of(host: Host, spec: GuestSpec, target: str = "vda") -> str:
    return next(disk.path for disk in host.definition(spec.uuid).spec.disks if disk.target == target)


def files_of(bench: Bench) -> set[str]:
    bench.host.refresh_pool(bench.pool)
    return {volume.name for volume in bench.host.volumes(bench.pool) if volume.name != "node.xml"}


def take(host: Host, spec: GuestSpec, name: str, kind: str = "external", **fields: object) -> None:
    host.create_snapshot(spec.uuid, replace(SnapshotSpec(name, kind=kind), **fields))


def tree(host: Host, spec: GuestSpec) -> list[tuple[str, str, bool]]:
    return [(one.name, one.parent, one.is_current) for one in host.snapshots(spec.uuid)]


def test_internal_snapshots_form_a_tree(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    for name in ("one", "two"):
        take(host, spec, name, "internal", description=f"note {name}")
    take(host, spec, "two", "internal")
    assert tree(host, spec) == [("one", "", False), ("two", "one", True)]
    seen = host.snapshots(spec.uuid)[0]
    assert (seen.kind, seen.description, seen.has_memory, seen.state) == ("internal", "note one", False, PowerState.SHUTOFF)
    host.revert_snapshot(spec.uuid, "one", token="t1")
    take(host, spec, "side", "internal")
    assert sorted(tree(host, spec)) == [("one", "", False), ("side", "one", True), ("two", "one", False)]
    host.delete_snapshot(spec.uuid, "one")
    host.delete_snapshot(spec.uuid, "one")
    assert sorted((name, parent) for name, parent, _current in tree(host, spec)) == [("side", ""), ("two", "")]
    with pytest.raises(NotFoundOnHost):
        host.revert_snapshot(spec.uuid, "one", token="t2")


def test_an_internal_snapshot_of_a_running_guest_brings_it_back_running(bench: Bench, host: Host) -> None:
    spec = bench.started()
    take(host, spec, "live", "internal", with_memory=True)
    assert host.snapshots(spec.uuid)[0].has_memory
    host.force_off_guest(spec.uuid)
    assert host.revert_snapshot(spec.uuid, "live", token="t1").power_state is PowerState.RUNNING
    host.delete_snapshot(spec.uuid, "live")
    assert host.snapshots(spec.uuid) == []


def test_the_kind_is_chosen_by_what_the_guest_allows(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    auto = SnapshotSpec("x")
    assert host.snapshot_kind(spec.uuid, auto) == "internal"
    host.start_guest(spec.uuid)
    assert host.snapshot_kind(spec.uuid, auto) == "external"
    assert host.snapshot_kind(spec.uuid, replace(auto, with_memory=True)) == "internal"
    with pytest.raises(Refused, match="memory"):
        host.snapshot_kind(spec.uuid, replace(auto, kind="internal"))
    host.force_off_guest(spec.uuid)
    take(host, spec, "inside", "internal")
    with pytest.raises(Refused, match="do not mix"):
        host.create_snapshot(spec.uuid, replace(auto, kind="external"))
    raw = host.create_volume(bench.pool, VolumeSpec("raw.raw", MIB, "raw"))
    host.change_disk(spec.uuid, spec.disks[0])
    host.delete_snapshot(spec.uuid, "inside")
    host.attach_disk(spec.uuid, DiskSpec("vdb", raw.path, "raw"))
    assert host.snapshot_kind(spec.uuid, auto) == "external"
    with pytest.raises(Refused, match="vdb is raw"):
        host.snapshot_kind(spec.uuid, replace(auto, kind="internal"))


def test_memory_is_not_saved_with_a_device_of_the_host(bench: Bench, host: Host) -> None:
    bench.needs("host devices that are not there", missing_on=("test-file", "test-daemon", "real"))
    spec = bench.started()
    host.attach_host_device(spec.uuid, PciDevice(0, 1, 0, 0))
    with pytest.raises(Refused, match="device of the host"):
        host.create_snapshot(spec.uuid, SnapshotSpec("x", with_memory=True))


def test_external_snapshots_of_a_stopped_guest_merge_back_in_any_order(bench: Bench, host: Host) -> None:
    bench.needs("external snapshots")
    spec = bench.defined()
    root = spec.disks[0].path
    orders = [("two", "one", "three"), ("one", "two", "three"), ("three", "two", "one")]
    for order in orders if bench.name == "fake" else orders[:1]:  # a helper's start and end takes 2 s
        for name in ("one", "two", "three"):
            take(host, spec, name)
        assert path_of(host, spec) == overlay_path(root, "three")
        assert [one.disks[0].path for one in host.snapshots(spec.uuid)] == [root, overlay_path(root, "one"), overlay_path(root, "two")]
        assert len(files_of(bench)) == 4
        for name in order:
            host.delete_snapshot(spec.uuid, name)
        assert host.snapshots(spec.uuid) == []
        assert path_of(host, spec) == root
        assert files_of(bench) == {"guest.qcow2"}
    host.start_guest(spec.uuid)


def test_external_snapshots_of_a_running_guest_merge_back(bench: Bench, host: Host) -> None:
    bench.needs("external snapshots")
    spec = bench.started()
    root = spec.disks[0].path
    taken = host.create_snapshot(spec.uuid, SnapshotSpec("one"))
    assert (taken.snapshot.kind, taken.snapshot.has_memory, taken.was_quiesced) == ("external", False, False)
    assert "agent" in taken.note
    for name in ("two", "three"):
        take(host, spec, name)
    progress: list[tuple[int, int]] = []
    host.delete_snapshot(spec.uuid, "two", on_progress=lambda done, total: progress.append((done, total)))
    assert progress
    assert [(one.name, one.parent, one.disks[0].path) for one in host.snapshots(spec.uuid)] == [
        ("one", "", root),
        ("three", "one", overlay_path(root, "one")),
    ]
    host.delete_snapshot(spec.uuid, "three")
    host.delete_snapshot(spec.uuid, "one")
    assert path_of(host, spec) == root
    assert host.pending_changes(spec.uuid) == ()
    assert files_of(bench) == {"guest.qcow2"}
    state = host.guest_state(spec.uuid)
    assert state is not None
    assert state.power_state is PowerState.RUNNING


def test_going_back_to_an_external_snapshot_and_on_from_there(bench: Bench, host: Host) -> None:
    bench.needs("external snapshots")
    spec = bench.defined()
    root = spec.disks[0].path
    write(bench, "guest.qcow2", b"first")
    take(host, spec, "one")
    take(host, spec, "two")
    later = host.create_volume(bench.pool, VolumeSpec("later.qcow2", MIB))
    host.attach_disk(spec.uuid, DiskSpec("vdb", later.path, "qcow2"))
    back = host.revert_snapshot(spec.uuid, "one", token="77")
    assert (back.power_state, back.unplugged) == (PowerState.SHUTOFF, (later.path,))
    assert host.revert_snapshot(spec.uuid, "one", token="77").power_state is PowerState.SHUTOFF
    assert path_of(host, spec) == overlay_path(root, "one-77")
    assert tree(host, spec) == [("one", "", True), ("two", "one", False)]
    assert files_of(bench) == {"guest.qcow2", "guest~one.qcow2", "guest~one-77.qcow2", "later.qcow2"}
    take(host, spec, "side")
    assert sorted(tree(host, spec)[1:]) == [("side", "one", True), ("two", "one", False)]
    # Two branches need the first file: it stays until one of them is gone.
    host.delete_snapshot(spec.uuid, "one")
    assert "guest~one.qcow2" in files_of(bench)
    host.delete_snapshot(spec.uuid, "two")
    host.delete_snapshot(spec.uuid, "side")
    assert host.snapshots(spec.uuid) == []
    assert path_of(host, spec) == root
    assert files_of(bench) == {"guest.qcow2", "later.qcow2"}
    host.start_guest(spec.uuid)


def write(bench: Bench, name: str, content: bytes) -> None:
    if bench.name == "fake":
        bench.host.upload_volume(bench.pool, name, io.BytesIO(content), len(content), lambda done, total: None)


def test_an_external_snapshot_with_memory_brings_a_guest_back_running(bench: Bench, host: Host) -> None:
    bench.needs("external snapshots")
    spec = bench.started()
    take(host, spec, "live", with_memory=True)
    seen = host.snapshots(spec.uuid)[0]
    assert (seen.has_memory, seen.state) == (True, PowerState.RUNNING)
    assert "guest~live.memory" in files_of(bench)
    host.force_off_guest(spec.uuid)
    assert host.revert_snapshot(spec.uuid, "live", token="77").power_state is PowerState.RUNNING
    host.delete_snapshot(spec.uuid, "live")
    assert files_of(bench) == {"guest.qcow2"}
    host.force_off_guest(spec.uuid)
    assert path_of(host, spec) == spec.disks[0].path


def test_a_disk_detached_after_a_snapshot_keeps_what_it_holds(bench: Bench, host: Host) -> None:
    bench.needs("external snapshots")
    spec = bench.defined()
    data = host.create_volume(bench.pool, VolumeSpec("data.qcow2", MIB))
    host.attach_disk(spec.uuid, DiskSpec("vdb", data.path, "qcow2"))
    take(host, spec, "one")
    host.detach_disk(spec.uuid, "vdb")
    take(host, spec, "two")
    host.delete_snapshot(spec.uuid, "two")
    assert "data~one.qcow2" in files_of(bench)
    host.delete_snapshot(spec.uuid, "one")
    assert files_of(bench) == {"guest.qcow2", "data.qcow2"}, "its overlay went into it"


def test_a_linked_clone_keeps_its_base(bench: Bench, host: Host) -> None:
    bench.needs("external snapshots")
    spec = bench.defined()
    take(host, spec, "one")
    host.create_volume(bench.pool, VolumeSpec("clone.qcow2", MIB, backing_path=spec.disks[0].path, backing_format="qcow2"))
    host.delete_snapshot(spec.uuid, "one")
    assert {"guest.qcow2", "guest~one.qcow2", "clone.qcow2"} <= files_of(bench)
    host.delete_volume(bench.pool, "clone.qcow2")
    host.tidy_snapshots(spec.uuid)
    assert files_of(bench) == {"guest.qcow2"}
    assert path_of(host, spec) == spec.disks[0].path


def test_what_a_cut_short_snapshot_left_is_no_obstacle(bench: Bench, host: Host) -> None:
    bench.needs("external snapshots")
    spec = bench.defined()
    host.create_volume(bench.pool, VolumeSpec("guest~one.qcow2", MIB))
    take(host, spec, "one")
    assert path_of(host, spec).endswith("guest~one.qcow2")


def test_an_agent_quiets_the_guest_and_one_that_cannot_is_no_obstacle(bench: Bench, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.needs("guests with an agent", missing_on=("test-file", "test-daemon", "real"))
    assert isinstance(host, FakeHost)
    spec = bench.started()
    host.machine.guests[spec.uuid].is_agent_connected = True
    quiet = host.create_snapshot(spec.uuid, SnapshotSpec("one"))
    assert (quiet.was_quiesced, quiet.note) == (True, "")
    take_it = host._take

    def mute(*args: object, quiesce: bool, **kwargs: object) -> None:
        if quiesce:
            raise TimedOut("Guest agent is not responding")
        take_it(*args, quiesce=quiesce, **kwargs)

    monkeypatch.setattr(host, "_take", mute)
    loud = host.create_snapshot(spec.uuid, SnapshotSpec("two"))
    assert (loud.was_quiesced, "not responding" in loud.note) == (False, True)
    assert not host.create_snapshot(spec.uuid, SnapshotSpec("three", quiesce=False)).note


DELETER = """
import sys
from uuid import UUID
from hypervisor.libvirt.sessions import connect
from hypervisor.specs import HostAddress
host = connect(HostAddress("local", sys.argv[1]))
host.delete_snapshot(UUID(sys.argv[2]), "one", on_progress=lambda done, total: print("merging", flush=True))
"""


def test_a_worker_killed_while_merging_takes_its_helper_along_and_the_next_goes_on(bench: Bench, host: Host) -> None:
    bench.needs("merges that take time", missing_on=("fake", "test-file", "test-daemon"))
    spec = bench.defined()
    host.grow_disk(spec.uuid, "vda", 300 * MIB)
    take(host, spec, "one")
    overlay = path_of(host, spec)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 250M", overlay], check=True, capture_output=True)
    command = [sys.executable, "-c", DELETER, LIBVIRT_SOCKET, str(spec.uuid)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"merging\n"
        worker.kill()
    assert path_of(host, spec) == overlay
    assert not any(state.name.startswith(HELPER_PREFIX) for state in host.guest_states()), "helpers are nobody's guests"
    host.delete_snapshot(spec.uuid, "one")
    assert path_of(host, spec) == spec.disks[0].path
    assert files_of(bench) == {"guest.qcow2"}
    check = ["qemu-io", "-r", "-f", "qcow2", "-c", "read -P 7 0 250M", spec.disks[0].path]
    assert "Pattern verification failed" not in subprocess.run(check, check=True, capture_output=True, text=True).stdout


def test_a_record_of_libvirts_is_read_whole() -> None:
    seen = parse_snapshot(
        """<domainsnapshot><name>s</name><state>disk-snapshot</state><parent><name>p</name></parent><creationTime>5</creationTime>
        <memory snapshot='no'/><disks><disk name='vda' snapshot='external' type='file'><source file='/p/a~s.qcow2'/></disk>
        <disk name='sda' snapshot='no'/></disks><domain type='kvm'><devices><disk type='file' device='disk'><source file='/p/a.qcow2'/>
        <target dev='vda'/></disk><disk type='file' device='cdrom'><target dev='sda'/></disk></devices></domain></domainsnapshot>""",
        is_current=True,
    )
    assert (seen.name, seen.parent, seen.kind, seen.has_memory, seen.state) == ("s", "p", "external", False, PowerState.SHUTOFF)
    assert [(disk.target, disk.path) for disk in seen.disks] == [("vda", "/p/a.qcow2")]
