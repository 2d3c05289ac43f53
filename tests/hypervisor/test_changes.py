"""Definitions compared: in words, line by line, and when each line reaches a running guest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypervisor.changes import When, diff, label_of, pending, when_of
from hypervisor.specs import DiskLimits, DiskSpec, GuestSpec, NicSpec
from hypervisor.xml.edits import edit_guest
from hypervisor.xml.guest import build_guest
from hypervisor.xml.safe import parse_xml, to_text
from tests.hypervisor.specs_for_tests import EVERYTHING, FULL_GUEST, GUESTS, PLAIN_GUEST


def text(spec: GuestSpec) -> str:
    return to_text(build_guest(spec))


def lines(before: GuestSpec, after: GuestSpec) -> list[tuple[str, str, str, str]]:
    return [(one.label, one.before, one.after, str(one.when)) for one in diff(text(before), text(after))]


@pytest.mark.parametrize("name", GUESTS)
def test_nothing_differs_from_itself(name: str) -> None:
    assert diff(text(GUESTS[name]), text(GUESTS[name])) == ()


def test_sizes_are_told_in_words() -> None:
    grown = replace(PLAIN_GUEST, vcpus=2, vcpus_max=4, memory_mib=512)
    assert lines(PLAIN_GUEST, grown) == [
        ("Memory at most", "192 MiB", "512 MiB", "next_boot"),
        ("Memory", "192 MiB", "512 MiB", "now"),
        ("vCPUs at most", "1", "4", "next_boot"),
        ("vCPUs", "1", "2", "now"),
    ]


def test_a_new_device_is_one_line() -> None:
    with_disk = replace(PLAIN_GUEST, disks=(DiskSpec("vda", "/pool/a.qcow2", "qcow2", cache="none", serial="x"),))
    assert lines(PLAIN_GUEST, with_disk) == [("Disk vda", "", "disk on virtio, /pool/a.qcow2", "now")]
    assert lines(with_disk, PLAIN_GUEST) == [("Disk vda", "disk on virtio, /pool/a.qcow2", "", "now")]
    with_nic = replace(PLAIN_GUEST, nics=(NicSpec("default", "52:54:00:aa:aa:aa"),))
    assert lines(PLAIN_GUEST, with_nic) == [("Network interface 52:54:00:aa:aa:aa", "", "virtio on default", "now")]


def test_a_changed_device_is_told_by_what_changed() -> None:
    disk = DiskSpec("vda", "/pool/a.qcow2", "qcow2")
    before = replace(PLAIN_GUEST, disks=(disk,))
    limited = replace(PLAIN_GUEST, disks=(replace(disk, limits=DiskLimits(total_iops=100), cache="none"),))
    assert lines(before, limited) == [
        ("Disk vda: cache", "", "none", "next_boot"),
        ("Disk vda: limit total_iops_sec", "", "100", "now"),
    ]


def test_every_line_has_a_label_of_its_own() -> None:
    for one in diff(text(PLAIN_GUEST), text(EVERYTHING)):
        assert one.label, one
        assert not one.label.startswith("devices/disk"), one


@pytest.mark.parametrize(
    ("key", "when"),
    [
        ("title", When.NOW),
        ("name", When.POWER_OFF),
        ("currentMemory", When.NOW),
        ("memory", When.NEXT_BOOT),
        ("devices/disk[vdb]", When.NOW),
        ("devices/disk[hdb]", When.NEXT_BOOT),
        ("devices/disk[sda]/source@file", When.NOW),
        ("devices/disk[vda]/target@bus", When.NEXT_BOOT),
        ("devices/interface[52:54:00:00:00:01]/link@state", When.NOW),
        ("devices/interface[52:54:00:00:00:01]/model@type", When.NEXT_BOOT),
        ("devices/tpm", When.NEXT_BOOT),
        ("os@firmware", When.NEXT_BOOT),
    ],
)
def test_a_line_says_when_a_running_guest_can_have_it(key: str, when: When) -> None:
    assert when_of(key) is when
    assert label_of(key) != ""


def test_what_a_start_fills_in_is_not_pending() -> None:
    definition = text(FULL_GUEST)
    live = (
        definition.replace('<domain type="kvm">', '<domain type="kvm" id="7">')
        .replace('<source network="default"/>', '<source network="default" portid="x" bridge="virbr0"/><target dev="vnet0"/>')
        .replace('<source file="/pool/full-vda.qcow2"/>', '<source file="/pool/full-vda.qcow2" index="3"/><backingStore type="file"/>')
        .replace('<cpu mode="host-model"/>', '<cpu mode="custom" match="exact"><model fallback="forbid">EPYC</model></cpu>')
        .replace("</domain>", '<seclabel type="dynamic" model="dac"><label>+1:+1</label></seclabel></domain>')
    )
    assert live != definition
    assert pending(live, definition) == ()
    changed = text(replace(FULL_GUEST, vcpus=8))
    assert {one.label for one in pending(live, changed)} == {"vCPUs", "vCPUs at most"}


def test_edits_touch_what_differs_and_nothing_else() -> None:
    """What an administrator added stays: elements, attributes, addresses and aliases that we never write."""
    theirs = parse_xml(
        text(FULL_GUEST)
        .replace("<features>", '<features><kvm><hidden state="on"/></kvm>')
        .replace(
            '<target dev="vda" bus="virtio"/>', '<target dev="vda" bus="virtio"/><alias name="ua-mine"/><geometry cyls="1" heads="2"/>'
        )
        .replace('discard="unmap"', 'discard="unmap" queues="4"')
    )
    before = to_text(theirs)
    edit_guest(theirs, FULL_GUEST)
    assert to_text(theirs) == before
    disks = (replace(FULL_GUEST.disks[0], cache="none"), *FULL_GUEST.disks[1:])
    edit_guest(theirs, replace(FULL_GUEST, disks=disks, video="vga", vcpus=6))
    after = to_text(theirs)
    for kept in ('<hidden state="on"/>', "ua-mine", "geometry", 'queues="4"'):
        assert kept in after
    assert {one.key for one in diff(before, after)} == {
        "vcpu",
        "vcpu@current",
        "devices/disk[vda]/driver@cache",
        "devices/video/model@type",
    }


@pytest.mark.parametrize("name", ["full", "plain", "win11", "everything", "pc"])
@pytest.mark.parametrize("to", ["full", "win11", "everything", "pxe"])
def test_any_definition_becomes_any_other(name: str, to: str) -> None:
    guest = build_guest(GUESTS[name])
    edit_guest(guest, GUESTS[to])
    assert diff(to_text(guest), text(GUESTS[to])) == ()
