"""Virtual networks and their DHCP leases."""

from __future__ import annotations

from typing import Any

import libvirt

from hypervisor.libvirt.base import Connected, still_there
from hypervisor.libvirt.translate import translated
from hypervisor.observed import Lease, ObservedNetwork
from hypervisor.specs import NetworkSpec
from hypervisor.xml.network import build_network, parse_network
from hypervisor.xml.safe import to_text


class NetworkCalls(Connected):
    @translated
    def networks(self) -> list[ObservedNetwork]:
        return still_there(_observed, self._connection.listAllNetworks(0))

    @translated
    def ensure_network(self, spec: NetworkSpec) -> ObservedNetwork:
        try:
            network = self._connection.networkLookupByName(spec.name)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_NETWORK:
                raise
            network = self._connection.networkDefineXML(to_text(build_network(spec)))
        if not network.isActive():
            network.create()
        if bool(network.autostart()) != spec.autostart:
            network.setAutostart(int(spec.autostart))
        return _observed(network)

    @translated
    def leases(self, network: str) -> list[Lease]:
        found = self._connection.networkLookupByName(network)
        if self.is_test_driver:
            return []
        return [
            Lease(
                mac=(lease.get("mac") or "").lower(),
                address=lease.get("ipaddr") or "",
                hostname=lease.get("hostname") or "",
                expires_at_epoch_s=int(lease.get("expirytime") or 0),
            )
            for lease in found.DHCPLeases()
        ]


def _observed(network: Any) -> ObservedNetwork:
    definition = parse_network(network.XMLDesc(0))
    return ObservedNetwork(
        name=definition.name,
        uuid=definition.uuid,
        bridge=definition.bridge,
        forward=definition.forward,
        is_active=bool(network.isActive()),
        autostart=bool(network.autostart()),
        addresses=definition.addresses,
    )
