"""Guests: defining, power, undefining. Every sentence here is true of the fake, of libvirt's test driver and of QEMU."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal
from uuid import uuid4

import pytest

from hypervisor.errors import AlreadyExists, HypervisorError, NotFoundOnHost, Refused
from hypervisor.observed import PowerState
from hypervisor.port import Host
from hypervisor.specs import DiskSpec, NicSpec, VolumeSpec
from tests.hypervisor.contract.conftest import Bench


def power_of(host: Host, uuid: object) -> PowerState:
    state = host.guest_state(uuid)
    assert state is not None
    return state.power_state


def test_a_defined_guest_is_listed_as_stopped(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    listed = {state.uuid: state for state in host.guest_states()}
    assert listed[spec.uuid].name == spec.name
    assert listed[spec.uuid].power_state is PowerState.SHUTOFF
    assert host.guest_state(spec.uuid) == listed[spec.uuid]


def test_a_definition_reads_back_as_it_was_meant(bench: Bench, host: Host) -> None:
    host.ensure_network(bench.network_spec())
    spec = replace(bench.defined(), vcpus=2, nics=(NicSpec(f"{bench.prefix}-net", "52:54:00:aa:bb:cc"),))
    host.define_guest(spec)
    seen = host.guest(spec.uuid)
    assert seen is not None
    assert (seen.name, seen.title, seen.vcpus, seen.memory_mib) == (spec.name, spec.title, 2, 192)
    assert (seen.display, seen.has_serial, seen.has_agent_channel, seen.is_agent_connected) == ("vnc-socket", True, True, False)
    assert [(disk.target, disk.path, disk.format) for disk in seen.disks] == [("vda", spec.disks[0].path, "qcow2")]
    assert [(nic.mac, nic.network) for nic in seen.nics] == [("52:54:00:aa:bb:cc", f"{bench.prefix}-net")]
    assert (seen.is_persistent, seen.autostart, seen.firmware) == (True, False, "bios")
    assert spec.name in host.guest_xml(spec.uuid)


def test_defining_again_redefines(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    first = host.guest(spec.uuid)
    host.define_guest(spec)
    same = host.guest(spec.uuid)
    host.define_guest(replace(spec, memory_mib=256))
    changed = host.guest(spec.uuid)
    assert first is not None
    assert same is not None
    assert changed is not None
    assert changed.memory_mib == 256
    assert first.digest == same.digest != changed.digest
    assert len([state for state in host.guest_states() if state.uuid == spec.uuid]) == 1


def test_a_name_can_be_taken(bench: Bench, host: Host) -> None:
    bench.defined()
    with pytest.raises(AlreadyExists):
        host.define_guest(bench.spec())


def test_a_disk_outside_the_pools_is_refused(bench: Bench, host: Host) -> None:
    bench.with_pool()
    with pytest.raises(Refused, match="/etc/shadow"):
        host.define_guest(bench.spec(disks=(DiskSpec("vda", "/etc/shadow", "raw"),)))


def test_an_unknown_guest_is_not_found(host: Host) -> None:
    unknown = uuid4()
    assert host.guest(unknown) is None
    assert host.guest_state(unknown) is None
    for call in (host.start_guest, host.shutdown_guest, host.reboot_guest, host.reset_guest, host.force_off_guest, host.suspend_guest):
        with pytest.raises(NotFoundOnHost):
            call(unknown)
    with pytest.raises(NotFoundOnHost):
        host.resume_guest(unknown)
    with pytest.raises(NotFoundOnHost):
        host.guest_xml(unknown)
    host.undefine_guest(unknown)


def test_starting_twice_is_quiet_and_keeps_the_digest(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    before = host.guest(spec.uuid)
    host.start_guest(spec.uuid)
    host.start_guest(spec.uuid)
    after = host.guest(spec.uuid)
    assert power_of(host, spec.uuid) is PowerState.RUNNING
    assert before is not None
    assert after is not None
    assert before.digest == after.digest


def test_suspend_and_resume_twice_are_quiet(bench: Bench, host: Host) -> None:
    spec = bench.started()
    host.suspend_guest(spec.uuid)
    host.suspend_guest(spec.uuid)
    assert power_of(host, spec.uuid) is PowerState.PAUSED
    host.resume_guest(spec.uuid)
    host.resume_guest(spec.uuid)
    assert power_of(host, spec.uuid) is PowerState.RUNNING


def test_forcing_off_twice_is_quiet(bench: Bench, host: Host) -> None:
    spec = bench.started()
    host.force_off_guest(spec.uuid)
    host.force_off_guest(spec.uuid)
    assert power_of(host, spec.uuid) is PowerState.SHUTOFF


def test_a_stopped_guest_cannot_be_paused_or_reset_but_may_be_asked_to_stop(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    host.shutdown_guest(spec.uuid)
    for call in (host.suspend_guest, host.resume_guest, host.reboot_guest, host.reset_guest):
        with pytest.raises(Refused):
            call(spec.uuid)


def test_a_running_guest_takes_reboot_and_reset(bench: Bench, host: Host) -> None:
    spec = bench.started()
    host.reset_guest(spec.uuid)
    host.reboot_guest(spec.uuid)
    assert power_of(host, spec.uuid) is PowerState.RUNNING


def test_undefining_a_running_guest_leaves_it_running_until_it_stops(bench: Bench, host: Host) -> None:
    spec = bench.started()
    host.undefine_guest(spec.uuid)
    host.undefine_guest(spec.uuid)
    transient = host.guest(spec.uuid)
    assert transient is not None
    assert not transient.is_persistent
    host.force_off_guest(spec.uuid)
    assert host.guest(spec.uuid) is None


def test_undefining_forgets_a_stopped_guest(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    host.undefine_guest(spec.uuid)
    host.undefine_guest(spec.uuid)
    assert spec.uuid not in {state.uuid for state in host.guest_states()}


def test_autostart_is_remembered(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    host.set_autostart(spec.uuid, enabled=True)
    seen = host.guest(spec.uuid)
    assert seen is not None
    assert seen.autostart
    host.set_autostart(spec.uuid, enabled=False)


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_every_kind_of_device_starts(bench: Bench, host: Host, machine: Literal["q35", "pc"]) -> None:
    """The schema accepts more than QEMU does: IDE on q35, say."""
    spec = bench.defined()
    host.ensure_network(bench.network_spec())
    buses: tuple[Literal["virtio", "sata", "scsi", "ide"], ...] = ("virtio", "sata", "scsi", *(("ide",) if machine == "pc" else ()))
    disks = []
    for bus in buses:
        volume = host.create_volume(bench.pool, VolumeSpec(f"{bus}.raw", 1024 * 1024, "raw"))
        medium = host.create_volume(bench.pool, VolumeSpec(f"{bus}.iso", 1024 * 1024, "iso"))
        prefix = {"virtio": "vd", "sata": "sd", "scsi": "sd", "ide": "hd"}[bus]
        letters = {"virtio": "a", "sata": "ab", "scsi": "cd", "ide": "ac"}[bus]
        disks.append(DiskSpec(f"{prefix}{letters[0]}", volume.path, "raw", bus=bus))
        if bus != "virtio":
            disks.append(DiskSpec(f"{prefix}{letters[1]}", medium.path, "raw", bus=bus, device="cdrom"))
    models: tuple[Literal["virtio", "e1000e", "rtl8139"], ...] = ("virtio", "e1000e", "rtl8139")
    nics = tuple(NicSpec(f"{bench.prefix}-net", f"52:54:00:00:00:0{index}", model=model) for index, model in enumerate(models))
    for video in ("vga", "virtio"):
        host.define_guest(replace(spec, machine=machine, video=video, disks=tuple(disks), nics=nics, vcpus=2))
        host.start_guest(spec.uuid)
        assert power_of(host, spec.uuid) is PowerState.RUNNING
        host.force_off_guest(spec.uuid)


def test_a_drive_is_emptied_while_running_and_for_good(bench: Bench, host: Host) -> None:
    bench.needs("change of media", missing_on=("test-file", "test-daemon"))
    spec = bench.defined()
    seed = host.create_volume(bench.pool, VolumeSpec("seed.iso", 1024 * 1024, "iso"))
    drive = DiskSpec("sda", seed.path, "raw", bus="sata", device="cdrom")
    host.define_guest(replace(spec, disks=(*spec.disks, drive)))
    host.start_guest(spec.uuid)
    host.eject_media(spec.uuid, "sda")
    host.eject_media(spec.uuid, "sda")
    host.delete_volume(bench.pool, "seed.iso")
    host.force_off_guest(spec.uuid)
    host.start_guest(spec.uuid)
    seen = host.guest(spec.uuid)
    assert seen is not None
    assert [(disk.target, disk.path) for disk in seen.disks] == [("vda", spec.disks[0].path), ("sda", "")]
    with pytest.raises(Refused, match="not a CD-ROM"):
        host.eject_media(spec.uuid, "vda")
    with pytest.raises(NotFoundOnHost):
        host.eject_media(spec.uuid, "sdz")


def test_a_guest_without_its_disk_does_not_start(bench: Bench, host: Host) -> None:
    bench.needs("check of disk files at start")
    spec = bench.defined()
    host.delete_volume(bench.pool, "guest.qcow2")
    with pytest.raises(HypervisorError, match=r"guest\.qcow2"):
        host.start_guest(spec.uuid)
    assert power_of(host, spec.uuid) is PowerState.SHUTOFF


def test_only_running_guests_have_statistics(bench: Bench, host: Host) -> None:
    running, stopped = bench.started("on"), bench.defined("off")
    counted = {stats.uuid: stats for stats in host.guest_stats()}
    assert stopped.uuid not in counted
    assert running.uuid in counted
    bench.needs("counters")
    assert counted[running.uuid].vcpus == 1


def test_the_host_describes_itself(host: Host) -> None:
    info, load = host.info(), host.load()
    assert info.hostname
    assert info.cpus >= 1
    assert info.memory_mib >= 1024
    assert info.acceleration in ("kvm", "qemu", "none")
    assert info.acceleration_reason.endswith(".")
    assert 0 < load.memory_free_mib <= load.memory_total_mib == info.memory_mib
    assert host.is_alive()


def test_resizing_changes_the_definition_and_nothing_else_in_it(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    before = host.guest(spec.uuid)
    host.resize_guest(spec.uuid, vcpus=2, memory_mib=320)
    host.resize_guest(spec.uuid, vcpus=2, memory_mib=320)
    after = host.guest(spec.uuid)
    assert before is not None
    assert after is not None
    assert (after.vcpus, after.memory_mib) == (2, 320)
    assert replace(after, vcpus=before.vcpus, memory_mib=before.memory_mib, digest=before.digest) == before
    host.resize_guest(spec.uuid, vcpus=before.vcpus, memory_mib=before.memory_mib)
    back = host.guest(spec.uuid)
    assert back is not None
    assert back.digest == before.digest
