"""What is read of a host before it is called up for the first time: facts, pools, networks. Later the statistics loop keeps them true."""

from __future__ import annotations

from uuid import UUID

from hosts.inventory import apply_facts, is_known
from hypervisor.port import Host
from networks.inventory import apply_networks
from storage.inventory import apply_pools


def look_first(host_id: UUID, host: Host) -> None:
    """Does nothing for a host that was seen before."""
    if is_known(host_id):
        return
    apply_pools(host_id, host.pools())
    apply_networks(host_id, host.networks())
    apply_facts(host_id, host.info())
