"""Devices of the host, as libvirt tells them; and what a host offers, as it tells that."""

from __future__ import annotations

from uuid import UUID

from hypervisor.specs import PciDevice, UsbDevice
from hypervisor.xml.capabilities import parse_offers
from hypervisor.xml.host_device import host_device, is_part_of_the_board, parse_node_device

GUEST = UUID(int=7)
GPU = """<device><name>pci_0000_65_00_0</name><driver><name>nouveau</name></driver><capability type='pci'><class>0x030000</class>
<domain>0</domain><bus>101</bus><slot>0</slot><function>0</function><product id='0x1b06'>GP102</product><vendor id='0x10de'>NVIDIA</vendor>
<iommuGroup number='14'><address domain='0x0000' bus='0x65' slot='0x00' function='0x0'/></iommuGroup></capability></device>"""
STICK = """<device><name>usb_1_4</name><capability type='usb_device'><bus>1</bus><device>4</device><product id='0x5567'>Blade</product>
<vendor id='0x0781'>SanDisk</vendor></capability></device>"""
HUB = STICK.replace("0x0781", "0x1d6b")
BRIDGE = GPU.replace("0x030000", "0x060400")
INTERFACE = "<device><name>net</name><capability type='net'><interface>eth0</interface></capability></device>"


def test_a_pci_function_is_told_with_its_group_and_user() -> None:
    facts = parse_node_device(GPU)
    assert facts is not None
    assert facts.device == PciDevice(0, 0x65, 0, 0)
    seen = host_device(facts, [(PciDevice(0, 0x65, 0, 0), GUEST)])
    assert (seen.vendor, seen.product, seen.driver, seen.iommu_group, seen.used_by, seen.why_not) == (
        "NVIDIA", "GP102", "nouveau", 14, GUEST, "",
    )  # fmt: skip


def test_without_an_iommu_the_reason_is_told() -> None:
    facts = parse_node_device(GPU.replace("<iommuGroup number='14'>", "<other>").replace("</iommuGroup>", "</other>"))
    assert facts is not None
    assert "IOMMU" in host_device(facts, []).why_not


def test_a_usb_device_named_without_its_place_is_the_same() -> None:
    facts = parse_node_device(STICK)
    assert facts is not None
    assert facts.device == UsbDevice(0x0781, 0x5567, 1, 4)
    assert host_device(facts, [(UsbDevice(0x0781, 0x5567), GUEST)]).used_by == GUEST
    assert host_device(facts, [(UsbDevice(0x0781, 0x5567, 1, 5), GUEST)]).used_by is None


def test_the_board_itself_is_not_for_guests() -> None:
    assert [is_part_of_the_board(facts) for text in (HUB, BRIDGE, GPU, STICK) if (facts := parse_node_device(text))] == [
        True, True, False, False,
    ]  # fmt: skip
    assert parse_node_device(INTERFACE) is None


def test_offers_of_a_bare_host() -> None:
    offers = parse_offers(
        "<domainCapabilities><vcpu max='288'/><os supported='yes'><enum name='firmware'><value>efi</value></enum>"
        "<loader><enum name='secure'><value>no</value></enum></loader></os><cpu><mode name='maximum' supported='yes'/>"
        "<mode name='custom' supported='yes'><model usable='no'>EPYC</model><model usable='yes'>qemu64</model></mode></cpu>"
        "<devices><tpm supported='no'/></devices></domainCapabilities>"
    )
    assert (offers.firmwares, offers.has_tpm, offers.cpu_models, offers.vcpus_max) == (("bios", "uefi"), False, ("qemu64",), 288)
