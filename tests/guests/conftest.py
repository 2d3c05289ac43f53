"""A fake host that has what the rows of the cast say: its pool, its network, and guests that are defined there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guests.definition import spec_for
from guests.models import Guest
from hosts.models import Host
from hypervisor import fake
from hypervisor.fake import FakeMachine
from hypervisor.observed import PowerState
from hypervisor.specs import NetworkSpec, PoolSpec, VolumeSpec
from networks.models import Network
from storage.models import Pool


@pytest.fixture
def machine(host: Host, pool: Pool, network: Network) -> FakeMachine:
    connection = fake.connect(host.hypervisor_address)
    connection.ensure_pool(PoolSpec(pool.name, pool.path))
    connection.ensure_network(NetworkSpec(network.name, "virbr0", "192.168.122.1", 24, "192.168.122.2", "192.168.122.254"))
    return fake.machine(host.hypervisor_address)


@pytest.fixture
def real_guest(make_guest: Callable[..., Guest], machine: FakeMachine) -> Callable[..., Guest]:
    """Rows and the same guest on the fake host, in the state asked for."""

    def make(name: str = "web-1", **fields: Any) -> Guest:
        guest = make_guest(name, **fields)
        connection = fake.connect(guest.host.hypervisor_address)
        for disk in guest.disks.select_related("volume__pool"):
            assert disk.volume is not None
            connection.create_volume(disk.volume.pool.name, VolumeSpec(disk.volume.name, disk.volume.capacity_bytes))
        connection.define_guest(spec_for(guest, acceleration="qemu"))
        machine.guests[guest.uuid].power_state = PowerState(guest.state)
        return guest

    return make
