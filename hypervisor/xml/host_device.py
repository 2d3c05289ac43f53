"""Devices of the host given to a guest: PCI functions and USB devices; and how a host tells what it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from lxml import etree

from hypervisor.observed import HostDevice
from hypervisor.specs import HostDeviceSpec, PciDevice, UsbDevice
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at, int_at, parse_xml, text_at


@dataclass(frozen=True, slots=True)
class HostDeviceFacts:
    """What a node device's XML tells. `iommu_group` None: the device cannot be given away alone, or at all."""

    device: HostDeviceSpec
    name: str
    vendor: str
    product: str
    driver: str
    iommu_group: int | None
    class_code: int


def build_host_device(spec: HostDeviceSpec) -> etree._Element:
    if isinstance(spec, PciDevice):
        # managed: libvirt takes the device from its host driver at start and gives it back at the end.
        source = E.source(
            E.address(domain=f"0x{spec.domain:04x}", bus=f"0x{spec.bus:02x}", slot=f"0x{spec.slot:02x}", function=f"0x{spec.function:x}")
        )
        return E.hostdev(source, mode="subsystem", type="pci", managed="yes")
    source = E.source(E.vendor(id=f"0x{spec.vendor_id:04x}"), E.product(id=f"0x{spec.product_id:04x}"))
    if spec.bus:
        source.append(E.address(bus=str(spec.bus), device=str(spec.device)))
    return E.hostdev(source, mode="subsystem", type="usb", managed="yes")


def parse_host_device(hostdev: etree._Element) -> HostDeviceSpec | None:
    """None for what we do not build: mediated devices, SCSI generic and the like."""
    address = hostdev.find("source/address")
    if hostdev.get("type") == "pci" and address is not None:
        return PciDevice(*(int(str(address.get(name, "0")), 0) for name in ("domain", "bus", "slot", "function")))
    if hostdev.get("type") == "usb":
        vendor, product = attribute_at(hostdev, "source/vendor", "id"), attribute_at(hostdev, "source/product", "id")
        if vendor and product:
            bus, device = (attribute_at(hostdev, "source/address", name, "0") for name in ("bus", "device"))
            return UsbDevice(int(vendor, 0), int(product, 0), int(bus), int(device))
    return None


def find_host_device(guest: etree._Element, spec: HostDeviceSpec) -> etree._Element | None:
    return next((hostdev for hostdev in guest.findall("devices/hostdev") if parse_host_device(hostdev) == spec), None)


def parse_node_device(text: str) -> HostDeviceFacts | None:
    """None for what cannot be given to a guest."""
    root = parse_xml(text)
    for capability in root.findall("capability"):
        kind = capability.get("type")
        vendor, product = attribute_at(capability, "vendor", "id"), attribute_at(capability, "product", "id")
        if kind == "pci":
            device: HostDeviceSpec = PciDevice(*(int_at(capability, name) for name in ("domain", "bus", "slot", "function")))
        elif kind == "usb_device" and vendor and product:
            device = UsbDevice(int(vendor, 0), int(product, 0), int_at(capability, "bus"), int_at(capability, "device"))
        else:
            continue
        group = attribute_at(capability, "iommuGroup", "number")
        return HostDeviceFacts(
            device=device,
            name=text_at(root, "name"),
            vendor=text_at(capability, "vendor"),
            product=text_at(capability, "product"),
            driver=text_at(root, "driver/name"),
            iommu_group=int(group) if group else None,
            class_code=int(text_at(capability, "class", "0"), 0),
        )
    return None


def is_part_of_the_board(facts: HostDeviceFacts) -> bool:
    """Bridges and USB root hubs: nobody gives those away."""
    if isinstance(facts.device, PciDevice):
        return facts.class_code >> 16 == 0x06
    return facts.device.vendor_id == 0x1D6B


def host_device(facts: HostDeviceFacts, users: Sequence[tuple[HostDeviceSpec, UUID]]) -> HostDevice:
    why_not = ""
    if isinstance(facts.device, PciDevice) and facts.iommu_group is None:
        why_not = "The host has no IOMMU for it: turn VT-d or AMD-Vi on in its firmware and in its kernel's command line."
    return HostDevice(
        device=facts.device,
        vendor=facts.vendor,
        product=facts.product,
        driver=facts.driver,
        iommu_group=facts.iommu_group,
        used_by=next((uuid for device, uuid in users if _is_same(device, facts.device)), None),
        why_not=why_not,
    )


def _is_same(wanted: HostDeviceSpec, device: HostDeviceSpec) -> bool:
    """A guest may name a USB device without its place."""
    if isinstance(wanted, UsbDevice) and isinstance(device, UsbDevice) and not wanted.bus:
        return (wanted.vendor_id, wanted.product_id) == (device.vendor_id, device.product_id)
    return wanted == device
