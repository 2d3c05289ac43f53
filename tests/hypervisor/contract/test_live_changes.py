"""Plugging, changing and unplugging while a guest runs and while it is stopped: what takes effect now, and what at the next start."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from hypervisor.errors import AlreadyExists, Conflict, NotFoundOnHost, Refused
from hypervisor.observed import PowerState
from hypervisor.outcomes import Took
from hypervisor.port import Host
from hypervisor.specs import Bandwidth, DiskLimits, DiskSpec, GuestSpec, NicSpec, Rate, VolumeSpec
from tests.hypervisor.contract.conftest import Bench

MIB = 1024 * 1024
MAC = "52:54:00:0a:0b:0c"


def disk(bench: Bench, name: str, target: str, **fields: object) -> DiskSpec:
    volume = bench.host.create_volume(bench.pool, VolumeSpec(name, 2 * MIB))
    return replace(DiskSpec(target, volume.path, "qcow2"), **fields)


def targets(host: Host, spec: GuestSpec) -> list[str]:
    return sorted(one.target for one in host.definition(spec.uuid).spec.disks)


def test_a_disk_is_attached_once_and_detached_once_while_stopped(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    data = disk(bench, "data.qcow2", "vdb", serial="data-1", cache="none")
    assert host.attach_disk(spec.uuid, data).took is Took.NOW
    assert host.attach_disk(spec.uuid, data).took is Took.ALREADY
    assert host.definition(spec.uuid).spec.disks[-1] == data
    with pytest.raises(AlreadyExists):
        host.attach_disk(spec.uuid, disk(bench, "other.qcow2", "vdb"))
    assert host.detach_disk(spec.uuid, "vdb").took is Took.NOW
    assert host.detach_disk(spec.uuid, "vdb").took is Took.ALREADY
    assert targets(host, spec) == ["vda"]


def test_a_disk_outside_the_pools_is_not_attached(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    with pytest.raises(Refused, match="/etc/shadow"):
        host.attach_disk(spec.uuid, DiskSpec("vdb", "/etc/shadow", "raw"))
    with pytest.raises(Refused, match="/etc/shadow"):
        host.insert_media(spec.uuid, "sda", "/etc/shadow")


def test_disks_of_a_running_guest_come_at_once_or_at_its_next_start(bench: Bench, host: Host) -> None:
    bench.needs("hot plugging")
    spec = bench.started()
    for target, bus in (("vdb", "virtio"), ("sda", "scsi"), ("sdb", "usb")):
        assert host.attach_disk(spec.uuid, disk(bench, f"{bus}.qcow2", target, bus=bus)).took is Took.NOW, bus
    at_next = host.attach_disk(spec.uuid, disk(bench, "sata.qcow2", "sdc", bus="sata"))
    assert at_next.took is Took.NEXT_BOOT
    assert at_next.note.endswith(".")
    assert targets(host, spec) == ["sda", "sdb", "sdc", "vda", "vdb"]
    assert [change.key for change in host.pending_changes(spec.uuid)] == ["devices/disk[sdc]"]
    host.force_off_guest(spec.uuid)
    host.start_guest(spec.uuid)
    assert host.pending_changes(spec.uuid) == ()


def test_a_guest_that_does_not_let_go_is_waited_for_and_told_of(bench: Bench, host: Host) -> None:
    """No system runs in this guest, so that nobody answers the request to eject."""
    bench.needs("hot plugging")
    spec = bench.started()
    if bench.name == "fake":
        bench.hold_on(spec.uuid)
    host.attach_disk(spec.uuid, disk(bench, "data.qcow2", "vdb"))
    result = host.detach_disk(spec.uuid, "vdb", timeout_s=0.5)
    assert result.took is Took.WAITING_FOR_GUEST
    assert "vdb" in result.note
    assert targets(host, spec) == ["vda"]
    if bench.name == "fake":  # real libvirt waits 5 s by itself, each time
        assert host.detach_disk(spec.uuid, "vdb", timeout_s=0.1).took is Took.WAITING_FOR_GUEST
    host.force_off_guest(spec.uuid)
    assert host.detach_disk(spec.uuid, "vdb").took is Took.ALREADY


def test_limits_of_a_disk_hold_at_once_and_its_cache_from_the_next_start(bench: Bench, host: Host) -> None:
    bench.needs("limits of disks")
    spec = bench.started()
    limited = replace(spec.disks[0], limits=DiskLimits(total_bytes_per_s=5 * MIB, read_iops=100, write_iops=50))
    assert host.change_disk(spec.uuid, limited).took is Took.NOW
    assert host.change_disk(spec.uuid, limited).took is Took.ALREADY
    assert host.pending_changes(spec.uuid) == ()
    uncached = replace(limited, cache="none")
    assert host.change_disk(spec.uuid, uncached).took is Took.NEXT_BOOT
    assert [change.label for change in host.pending_changes(spec.uuid)] == ["Disk vda: cache"]
    assert host.definition(spec.uuid).spec.disks == (uncached,)
    assert host.change_disk(spec.uuid, spec.disks[0]).took is Took.NOW
    assert host.pending_changes(spec.uuid) == ()


def test_a_disk_moves_to_another_bus_while_stopped(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    host.change_disk(spec.uuid, replace(spec.disks[0], bus="sata"))
    assert host.definition(spec.uuid).spec.disks[0].bus == "sata"
    host.start_guest(spec.uuid)


def test_a_disk_grows_running_and_stopped_and_never_shrinks(bench: Bench, host: Host) -> None:
    bench.needs("resizing of volumes")
    spec = bench.defined()
    assert host.grow_disk(spec.uuid, "vda", 3 * MIB).took is Took.NOW
    host.start_guest(spec.uuid)
    assert host.grow_disk(spec.uuid, "vda", 4 * MIB).took is Took.NOW
    assert host.grow_disk(spec.uuid, "vda", 4 * MIB).took is Took.ALREADY
    with pytest.raises(Refused, match="shrink"):
        host.grow_disk(spec.uuid, "vda", 2 * MIB)
    with pytest.raises(NotFoundOnHost):
        host.grow_disk(spec.uuid, "vdz", 8 * MIB)
    seen = host.volume(bench.pool, "guest.qcow2")
    assert seen is not None
    assert seen.capacity_bytes == 4 * MIB


def test_media_are_changed_in_the_running_guest_and_for_good(bench: Bench, host: Host) -> None:
    bench.needs("change of media")
    spec = bench.defined()
    one, two = (host.create_volume(bench.pool, VolumeSpec(f"{name}.iso", MIB, "iso")) for name in ("one", "two"))
    drives = (DiskSpec("sda", "", "raw", bus="sata", device="cdrom"), DiskSpec("sdb", one.path, "raw", bus="sata", device="cdrom"))
    host.define_guest(replace(spec, disks=(*spec.disks, *drives)))
    host.start_guest(spec.uuid)
    assert host.insert_media(spec.uuid, "sda", two.path).took is Took.NOW
    assert host.insert_media(spec.uuid, "sda", two.path).took is Took.ALREADY
    assert host.insert_media(spec.uuid, "sda", one.path).took is Took.NOW
    assert host.eject_media(spec.uuid, "sdb").took is Took.NOW
    assert host.pending_changes(spec.uuid) == ()
    assert [drive.path for drive in host.definition(spec.uuid).spec.disks[1:]] == [one.path, ""]
    with pytest.raises(Refused, match="not a CD-ROM"):
        host.insert_media(spec.uuid, "vda", one.path)


def test_network_interfaces_come_change_and_go(bench: Bench, host: Host) -> None:
    bench.needs("hot plugging")
    first, second = bench.network_spec(), bench.network_spec(1)
    host.ensure_network(first)
    host.ensure_network(second)
    spec = bench.started()
    nic = NicSpec(first.name, MAC)
    assert host.attach_nic(spec.uuid, nic).took is Took.NOW
    assert host.attach_nic(spec.uuid, nic).took is Took.ALREADY
    for changed in (
        replace(nic, is_link_up=False),
        replace(nic, network=second.name),
        nic,
    ):
        assert host.change_nic(spec.uuid, changed).took is Took.NOW, changed
        assert host.change_nic(spec.uuid, changed).took is Took.ALREADY, changed
        assert host.definition(spec.uuid).spec.nics == (changed,)
        assert host.pending_changes(spec.uuid) == (), changed
    other_model = replace(nic, model="e1000e", is_link_up=False)
    assert host.change_nic(spec.uuid, other_model).took is Took.NEXT_BOOT
    assert [change.label for change in host.pending_changes(spec.uuid)] == [f"Network interface {MAC}: model"]
    with pytest.raises(NotFoundOnHost):
        host.change_nic(spec.uuid, replace(nic, mac="52:54:00:ff:ff:ff"))
    host.force_off_guest(spec.uuid)
    assert host.detach_nic(spec.uuid, MAC).took is Took.NOW
    assert host.definition(spec.uuid).spec.nics == ()


def test_bandwidth_is_limited_while_running(bench: Bench, host: Host) -> None:
    bench.needs("hot plugging")
    if bench.name == "real" and not can_shape_traffic():
        pytest.skip("this kernel has no sfq queueing, which libvirt limits bandwidth with")
    network = bench.network_spec()
    host.ensure_network(network)
    spec = bench.started()
    nic = NicSpec(network.name, MAC, bandwidth=Bandwidth(receive=Rate(1024)))
    assert host.attach_nic(spec.uuid, nic).took is Took.NOW
    for changed in (replace(nic, bandwidth=Bandwidth(Rate(2048, 4096, 512), Rate(512))), replace(nic, bandwidth=Bandwidth()), nic):
        assert host.change_nic(spec.uuid, changed).took is Took.NOW
        assert host.definition(spec.uuid).spec.nics == (changed,)
        assert host.pending_changes(spec.uuid) == ()


def can_shape_traffic() -> bool:
    """In a network namespace of its own, so that nothing of this machine changes."""
    command = "ip link set lo up && tc qdisc add dev lo root sfq perturb 10"
    return subprocess.run(["unshare", "--net", "sh", "-c", command], capture_output=True).returncode == 0


def test_sizes_change_now_up_to_the_maximum_and_beyond_it_at_the_next_start(bench: Bench, host: Host) -> None:
    bench.needs("hot plugging")
    spec = replace(bench.defined(), vcpus=1, vcpus_max=2, memory_mib=192, memory_max_mib=256)
    host.define_guest(spec)
    host.start_guest(spec.uuid)
    assert host.set_vcpus(spec.uuid, 2, maximum=2).took is Took.NOW
    assert host.set_vcpus(spec.uuid, 2, maximum=2).took is Took.ALREADY
    assert host.set_vcpus(spec.uuid, 3).took is Took.NEXT_BOOT
    assert host.set_memory(spec.uuid, 224, maximum_mib=256).took is Took.NOW
    assert host.set_memory(spec.uuid, 512).took is Took.NEXT_BOOT
    assert {change.label for change in host.pending_changes(spec.uuid)} == {"vCPUs at most", "vCPUs", "Memory", "Memory at most"}
    assert host.set_balloon(spec.uuid, 200).took is Took.NOW
    with pytest.raises(Refused):
        host.set_balloon(spec.uuid, 1024)
    host.force_off_guest(spec.uuid)
    seen = host.definition(spec.uuid).spec
    assert (seen.vcpus, seen.vcpus_max, seen.memory_mib, seen.memory_max_mib) == (3, None, 512, None)
    with pytest.raises(Refused, match="running"):
        host.set_balloon(spec.uuid, 100)


def test_a_definition_is_changed_as_planned_or_not_at_all(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    planned_on = host.definition(spec.uuid)
    host.change_guest(spec.uuid, replace(planned_on.spec, title="Renamed", vcpus=2, has_rng=False), expected_digest=planned_on.digest)
    now = host.definition(spec.uuid)
    assert (now.spec.title, now.spec.vcpus, now.spec.has_rng) == ("Renamed", 2, False)
    with pytest.raises(Conflict):
        host.change_guest(spec.uuid, replace(planned_on.spec, vcpus=3), expected_digest=planned_on.digest)
    host.change_guest(spec.uuid, now.spec, expected_digest=now.digest)
    assert host.definition(spec.uuid) == now


def test_what_an_administrator_added_survives_and_what_he_may_not_add_is_named(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    xml = host.guest_xml(spec.uuid)
    described = xml.replace("</title>", "</title><description>by hand</description>")
    host.define_guest_xml(spec.uuid, described)
    host.change_guest(spec.uuid, replace(host.definition(spec.uuid).spec, vcpus=2))
    seen = host.definition(spec.uuid)
    assert (seen.spec.description, seen.spec.vcpus) == ("by hand", 2)
    for change, named in (
        (xml.replace("</devices>", '<filesystem><source dir="/"/><target dir="x"/></filesystem></devices>'), "filesystem"),
        (xml.replace(spec.disks[0].path, "/etc/shadow"), "/etc/shadow"),
        (xml.replace(str(spec.uuid), "11111111-1111-4111-8111-111111111111"), "uuid"),
        (xml.replace(f"<name>{spec.name}", "<name>another"), "name"),
    ):
        with pytest.raises(Refused, match=named):
            host.check_guest_xml(spec.uuid, change)
        with pytest.raises(Refused, match=named):
            host.define_guest_xml(spec.uuid, change)
    assert host.definition(spec.uuid) == seen


def test_a_stopped_guest_is_renamed_and_keeps_its_uuid(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    host.rename_guest(spec.uuid, f"{spec.name}-b")
    host.rename_guest(spec.uuid, f"{spec.name}-b")
    state = host.guest_state(spec.uuid)
    assert state is not None
    assert (state.name, state.power_state) == (f"{spec.name}-b", PowerState.SHUTOFF)
    host.start_guest(spec.uuid)
    with pytest.raises(Refused):
        host.rename_guest(spec.uuid, spec.name)
