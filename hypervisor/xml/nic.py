"""Network interfaces of a guest."""

from __future__ import annotations

from lxml import etree

from hypervisor.observed import ObservedNic
from hypervisor.specs import NicSpec
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at


def build_nic(spec: NicSpec) -> etree._Element:
    return E.interface(E.mac(address=spec.mac), E.source(network=spec.network), E.model(type=spec.model), type="network")


def parse_nic(nic: etree._Element) -> ObservedNic:
    return ObservedNic(
        mac=attribute_at(nic, "mac", "address").lower(),
        network=attribute_at(nic, "source", "network"),
        bridge=attribute_at(nic, "source", "bridge"),
        model=attribute_at(nic, "model", "type"),
        target=attribute_at(nic, "target", "dev"),
    )
