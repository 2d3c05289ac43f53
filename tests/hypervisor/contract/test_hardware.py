"""Every choice of hardware starts, and reads back from the host as it was meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hypervisor.changes import diff
from hypervisor.observed import PowerState
from hypervisor.port import Host
from hypervisor.specs import (
    CpuSpec,
    DiskSpec,
    GuestSpec,
    NicSpec,
    NumaCell,
    SnapshotSpec,
    Topology,
    VcpuPin,
    VolumeSpec,
    Watchdog,
)
from tests.hypervisor.contract.conftest import Bench


def starts(host: Host, spec: GuestSpec) -> None:
    host.start_guest(spec.uuid)
    state = host.guest_state(spec.uuid)
    assert state is not None
    assert state.power_state is PowerState.RUNNING
    host.force_off_guest(spec.uuid)


VARIANTS: dict[str, dict[str, object]] = {
    "a board": {
        "vcpus": 2,
        "vcpus_max": 4,
        "memory_mib": 128,
        "memory_max_mib": 192,
        "cpu": CpuSpec("custom", "qemu64", Topology(1, 2, 2), disabled_features=("svm",)),
        "numa": (NumaCell("0-1", 96), NumaCell("2-3", 96)),
        "vcpu_pins": (VcpuPin(0, "0"),),
        "emulator_cpus": "0",
        "clock": "localtime",
        "has_boot_menu": True,
        "watchdog": Watchdog("pause"),
        "description": "in words",
        "system": "http://debian.org/debian/12",
    },
    "no screen": {
        "video": "none",
        "display": "none",
        "has_serial": False,
        "has_agent_channel": False,
        "has_tablet": False,
        "has_rng": False,
        "has_balloon": False,
    },
    "bochs on the loopback": {"video": "bochs", "display": "loopback", "machine": "pc"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_choice_of_hardware_starts_and_reads_back(bench: Bench, host: Host, variant: str) -> None:
    spec = replace(bench.defined(), **VARIANTS[variant])
    host.define_guest(spec)
    bench.needs("hardware")
    assert host.definition(spec.uuid).spec == spec
    starts(host, spec)
    assert host.definition(spec.uuid).spec == spec


def test_choices_of_disks_and_nics_start_and_read_back(bench: Bench, host: Host) -> None:
    bench.needs("hardware")
    spec, network = bench.defined(), bench.network_spec()
    host.ensure_network(network)
    volumes = [host.create_volume(bench.pool, VolumeSpec(f"d{number}.qcow2", 1024 * 1024)).path for number in range(3)]
    disks = (
        replace(spec.disks[0], cache="none", io="native", iothread=1, serial="S-1"),
        DiskSpec("vdb", volumes[0], "qcow2", io="threads", discard="ignore", cache="writeback"),
        DiskSpec("sda", volumes[1], "qcow2", bus="usb"),
        DiskSpec("sdb", volumes[2], "qcow2", bus="scsi", is_read_only=True),
        DiskSpec("sdc", "", "raw", bus="sata", device="cdrom"),
    )
    nics = (
        NicSpec(network.name, "52:54:00:01:02:03", mtu=1400, is_link_up=False, boot_order=2),
        NicSpec(network.name, "52:54:00:01:02:04", model="e1000", filter="clean-traffic"),
    )
    spec = replace(spec, iothreads=1, disks=disks, nics=nics)
    host.define_guest(spec)
    assert host.definition(spec.uuid).spec == spec
    starts(host, spec)


@pytest.mark.parametrize("firmware", ["uefi", "uefi-secure"])
def test_uefi_guests_have_a_variable_store_of_their_own_and_external_snapshots(bench: Bench, host: Host, firmware: str) -> None:
    bench.needs("firmware")
    if bench.name == "real" and firmware not in host.offers().firmwares:
        pytest.skip("this host has no such firmware: apt-get install ovmf")
    spec = replace(bench.defined(), firmware=firmware, has_tpm=firmware == "uefi-secure", video="bochs")
    host.define_guest(spec)
    starts(host, spec)
    assert host.definition(spec.uuid).spec == spec
    assert host.snapshot_kind(spec.uuid, SnapshotSpec("x")) == "external"
    host.change_guest(spec.uuid, replace(spec, vcpus=2))
    host.define_guest_xml(spec.uuid, host.guest_xml(spec.uuid))
    store = Path(f"/var/lib/libvirt/qemu/nvram/{spec.name}_VARS.fd")
    assert bench.name == "fake" or store.exists()
    host.change_guest(spec.uuid, replace(spec, firmware="bios", has_tpm=False))
    assert host.definition(spec.uuid).spec.firmware == "bios"
    host.undefine_guest(spec.uuid)


def test_another_board_is_chosen_for_a_defined_guest(bench: Bench, host: Host) -> None:
    bench.needs("hardware")
    spec = bench.defined()
    for changed in (replace(spec, machine="pc"), replace(spec, video="virtio"), replace(spec, machine="pc", video="qxl"), spec):
        host.change_guest(spec.uuid, changed)
        assert host.definition(spec.uuid).spec == changed
    starts(host, spec)


def test_a_host_writes_a_definition_down_as_it_was_meant(bench: Bench, host: Host) -> None:
    """The diff of what was asked for and what libvirt made of it is what libvirt fills in, and nothing of ours."""
    bench.needs("hardware")
    spec = bench.defined()
    first = host.guest_xml(spec.uuid)
    host.start_guest(spec.uuid)
    host.force_off_guest(spec.uuid)
    assert diff(first, host.guest_xml(spec.uuid)) == ()
    host.change_guest(spec.uuid, replace(spec, vcpus=2))
    assert [change.label for change in diff(first, host.guest_xml(spec.uuid))] == ["vCPUs at most", "vCPUs"]
