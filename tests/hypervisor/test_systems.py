"""Which hardware a system gets by default, with osinfo-db and without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypervisor.systems import advise, catalog
from hypervisor.systems.advice import free_target
from hypervisor.systems.catalog import OSINFO_FOLDERS

with_osinfo = pytest.mark.skipif(not any(folder.is_dir() for folder in OSINFO_FOLDERS), reason="osinfo-db is not installed")


@with_osinfo
@pytest.mark.parametrize(
    ("short_id", "machine", "firmware", "disk", "nic", "clock"),
    [
        ("win11", "q35", "uefi-secure", "sata", "e1000e", "localtime"),
        ("win2k19", "q35", "bios", "sata", "e1000e", "localtime"),
        ("win2k25", "q35", "bios", "sata", "e1000e", "localtime"),
        ("win2k8r2", "pc", "bios", "ide", "e1000e", "localtime"),
        ("debian13", "q35", "bios", "virtio", "virtio", "utc"),
        ("freebsd14.3", "q35", "bios", "virtio", "virtio", "utc"),
        ("openbsd7.8", "q35", "bios", "virtio", "virtio", "utc"),
        ("netbsd9.0", "pc", "bios", "ide", "e1000", "utc"),
    ],
)
def test_advice(short_id: str, machine: str, firmware: str, disk: str, nic: str, clock: str) -> None:
    system = catalog().find(short_id)
    assert system is not None
    advice = advise(system, kvm=True)
    assert (advice.machine, advice.firmware, advice.disk_bus, advice.nic_model, advice.clock) == (machine, firmware, disk, nic, clock)


@with_osinfo
def test_windows_11_gets_what_it_insists_on() -> None:
    system = catalog().find("http://microsoft.com/win/11")
    advice = advise(system, kvm=True)
    assert (advice.has_tpm, advice.has_hyperv, advice.needs_driver_disc) == (True, True, True)
    assert (advice.minimum_memory_mib, advice.vcpus, advice.disk_gib) == (4096, 2, 64)
    assert any("Secure Boot" in sentence for sentence in advice.why)
    assert not advise(system, kvm=False).has_hyperv


def test_newer_systems_are_known_without_osinfo() -> None:
    bare = catalog((Path("/nowhere"),))
    assert {"debian13", "ubuntu24.04", "openbsd7.8", "win2k25"} <= {system.short_id for system in bare.systems.values()}
    debian = bare.find("debian13")
    assert debian is not None
    assert advise(debian, kvm=True).disk_bus == "virtio"
    assert bare.find("no such system") is None


def test_an_unknown_system_is_taken_for_a_modern_one() -> None:
    assert (advise(None, kvm=True).disk_bus, advise(None, kvm=True).machine) == ("virtio", "q35")


def test_the_overlay_yields_to_osinfo(tmp_path: Path) -> None:
    tmp_path.joinpath("debian-13.xml").write_text(
        '<libosinfo><os id="http://debian.org/debian/13"><short-id>debian13</short-id><name>Theirs</name><family>linux</family></os></libosinfo>'
    )
    tmp_path.joinpath("broken.xml").write_text("<libosinfo><os")
    found = catalog((tmp_path,)).find("debian13")
    assert found is not None
    assert found.name == "Theirs"


def test_targets_are_counted_on() -> None:
    assert free_target("virtio", {"vda", "vdb"}) == "vdc"
    assert free_target("sata", set()) == "sda"
    assert free_target("ide", {"hda"}) == "hdb"
    assert free_target("virtio", {f"vd{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"}) == "vdaa"
