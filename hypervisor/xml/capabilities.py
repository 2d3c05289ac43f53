"""What a host says of itself: processor, topology, NUMA cells, which kinds of guests it can run."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from hypervisor.observed import HostOffers
from hypervisor.xml.safe import attribute_at, parse_xml, text_at


@dataclass(frozen=True, slots=True)
class HostCapabilities:
    """`virt_types` are the domain types offered for x86_64; that kvm is among them does not yet mean that it works."""

    host_uuid: str
    architecture: str
    cpu_model: str
    cpu_features: frozenset[str]
    numa_nodes: int
    virt_types: frozenset[str]
    machines: tuple[str, ...]


def parse_capabilities(text: str) -> HostCapabilities:
    root = parse_xml(text)
    guest_arch = next((arch for arch in root.findall("guest/arch") if arch.get("name") == "x86_64"), None)
    if guest_arch is None:
        guest_arch = root.find("guest/arch")
    virt_types: frozenset[str] = frozenset()
    machines: tuple[str, ...] = ()
    if guest_arch is not None:
        virt_types = frozenset(str(domain.get("type")) for domain in guest_arch.findall("domain"))
        machines = tuple(sorted({(machine.text or "").strip() for machine in guest_arch.findall("machine")}))
    return HostCapabilities(
        host_uuid=text_at(root, "host/uuid"),
        architecture=text_at(root, "host/cpu/arch"),
        cpu_model=text_at(root, "host/cpu/model"),
        cpu_features=frozenset(str(feature.get("name")) for feature in root.findall("host/cpu/feature")),
        numa_nodes=max(1, int(attribute_at(root, "host/topology/cells", "num", "1"))),
        virt_types=virt_types,
        machines=machines,
    )


def parse_offers(text: str) -> HostOffers:
    """Of virConnectGetDomainCapabilities for one machine type."""
    root = parse_xml(text)
    firmwares = ["bios"]
    if "efi" in _values(root, "os/enum[@name='firmware']"):
        firmwares.append("uefi")
        if "yes" in _values(root, "os/loader/enum[@name='secure']"):
            firmwares.append("uefi-secure")
    tpm = root.find("devices/tpm")
    models = root.findall("cpu/mode[@name='custom']/model")
    return HostOffers(
        firmwares=tuple(firmwares),
        has_tpm=tpm is not None and tpm.get("supported") == "yes" and "emulator" in _values(root, "devices/tpm/enum[@name='backendModel']"),
        cpu_modes=tuple(str(mode.get("name")) for mode in root.findall("cpu/mode") if mode.get("supported") == "yes"),
        cpu_models=tuple(sorted((model.text or "").strip() for model in models if model.get("usable") != "no")),
        videos=tuple(_values(root, "devices/video/enum[@name='modelType']")),
        disk_buses=tuple(_values(root, "devices/disk/enum[@name='bus']")),
        vcpus_max=int(attribute_at(root, "vcpu", "max", "1")),
    )


def _values(root: etree._Element, path: str) -> list[str]:
    return [(value.text or "").strip() for value in root.findall(f"{path}/value")]
