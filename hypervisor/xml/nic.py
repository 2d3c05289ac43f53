"""Network interfaces of a guest."""

from __future__ import annotations

from lxml import etree

from hypervisor.observed import ObservedNic
from hypervisor.specs import Bandwidth, NicSpec, Rate
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at


def build_nic(spec: NicSpec) -> etree._Element:
    nic = E.interface(E.mac(address=spec.mac), E.source(network=spec.network), E.model(type=spec.model), type="network")
    if not spec.is_link_up:
        nic.append(E.link(state="down"))
    if spec.mtu is not None:
        nic.append(E.mtu(size=str(spec.mtu)))
    # libvirt counts from the guest: inbound is what the guest receives.
    rates = [("inbound", spec.bandwidth.receive), ("outbound", spec.bandwidth.send)]
    limits = [_rate(name, rate) for name, rate in rates if rate is not None]
    if limits:
        nic.append(E.bandwidth(*limits))
    if spec.filter:
        nic.append(E.filterref(*(E.parameter(name="IP", value=address) for address in spec.filter_addresses), filter=spec.filter))
    if spec.boot_order is not None:
        nic.append(E.boot(order=str(spec.boot_order)))
    return nic


def _rate(name: str, rate: Rate) -> etree._Element:
    numbers = {"average": rate.average_kib_per_s, "peak": rate.peak_kib_per_s, "burst": rate.burst_kib}
    return E(name, **{key: str(value) for key, value in numbers.items() if value})


def parse_nic_spec(nic: etree._Element) -> NicSpec | None:
    """None for an interface of a kind we do not build, such as one on a bridge of the host."""
    if nic.get("type") != "network":
        return None
    boot_order, mtu = attribute_at(nic, "boot", "order"), attribute_at(nic, "mtu", "size")
    return NicSpec(
        network=attribute_at(nic, "source", "network"),
        mac=attribute_at(nic, "mac", "address").lower(),
        model=attribute_at(nic, "model", "type", "rtl8139"),  # type: ignore[arg-type]
        is_link_up=attribute_at(nic, "link", "state", "up") == "up",
        mtu=int(mtu) if mtu else None,
        bandwidth=Bandwidth(_parse_rate(nic.find("bandwidth/inbound")), _parse_rate(nic.find("bandwidth/outbound"))),
        filter=attribute_at(nic, "filterref", "filter"),
        filter_addresses=tuple(str(ip.get("value")) for ip in nic.findall("filterref/parameter[@name='IP']")),
        boot_order=int(boot_order) if boot_order else None,
    )


def _parse_rate(element: etree._Element | None) -> Rate | None:
    if element is None:
        return None
    average, peak, burst = (int(str(element.get(name, "0"))) for name in ("average", "peak", "burst"))
    return Rate(average, peak, burst)


def find_nic(guest: etree._Element, mac: str) -> etree._Element | None:
    """The element of the interface `mac` of a whole definition."""
    nics = guest.findall("devices/interface")
    return next((nic for nic in nics if attribute_at(nic, "mac", "address").lower() == mac.lower()), None)


def parse_nic(nic: etree._Element) -> ObservedNic:
    return ObservedNic(
        mac=attribute_at(nic, "mac", "address").lower(),
        network=attribute_at(nic, "source", "network"),
        bridge=attribute_at(nic, "source", "bridge"),
        model=attribute_at(nic, "model", "type"),
        target=attribute_at(nic, "target", "dev"),
    )
