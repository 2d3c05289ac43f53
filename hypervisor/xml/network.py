"""Virtual networks."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_interface
from uuid import UUID

from lxml import etree

from hypervisor.specs import NetworkSpec
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at, parse_xml, text_at


@dataclass(frozen=True, slots=True)
class NetworkDefinition:
    """What a network's XML tells that its cheap calls do not."""

    name: str
    uuid: UUID
    bridge: str
    forward: str
    addresses: tuple[str, ...]


def build_network(spec: NetworkSpec) -> etree._Element:
    network = E.network(E.name(spec.name))
    if spec.forward == "nat":
        network.append(E.forward(mode="nat"))
    network.append(E.bridge(name=spec.bridge, stp="on", delay="0"))
    dhcp = E.dhcp(E.range(start=spec.dhcp_start, end=spec.dhcp_end))
    network.append(E.ip(dhcp, address=spec.address, prefix=str(spec.prefix)))
    return network


def parse_network(text: str) -> NetworkDefinition:
    root = parse_xml(text)
    return NetworkDefinition(
        name=text_at(root, "name"),
        uuid=UUID(text_at(root, "uuid")),
        bridge=attribute_at(root, "bridge", "name"),
        forward=attribute_at(root, "forward", "mode", "nat") if root.find("forward") is not None else "isolated",
        addresses=tuple(_address(ip) for ip in root.findall("ip") if ip.get("address")),
    )


def _address(ip: etree._Element) -> str:
    address = str(ip.get("address"))
    width = ip.get("prefix") or ip.get("netmask")
    return str(ip_interface(f"{address}/{width}" if width else address))
