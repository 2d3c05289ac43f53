"""The fake host's faults and its before-and-after comparison, on which the workflow tests stand."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from hypervisor import fake
from hypervisor.errors import HostUnreachable, NoSpace
from hypervisor.observed import EventKind, HostEvent, PowerState
from hypervisor.port import Connector, Host
from hypervisor.specs import DiskSpec, GuestSpec, HostAddress, PoolSpec, VolumeSpec

ADDRESS = HostAddress("unix", "/fake/h1")
GUEST = UUID(int=7)


@pytest.fixture(autouse=True)
def fresh_machines() -> Iterator[None]:
    fake.reset()
    yield
    fake.reset()


@pytest.fixture
def host() -> Host:
    connect: Connector = fake.connect
    return connect(ADDRESS)


def guest_on(host: Host) -> None:
    host.ensure_pool(PoolSpec("p", "/p"))
    volume = host.create_volume("p", VolumeSpec("disk.qcow2", 1024))
    host.define_guest(GuestSpec(GUEST, "web-1", "Web", 1, 256, "qemu", disks=(DiskSpec("vda", volume.path, "qcow2"),)))


def test_connections_to_one_address_share_the_machine(host: Host) -> None:
    guest_on(host)
    assert [state.name for state in fake.connect(ADDRESS).guest_states()] == ["web-1"]
    assert fake.connect(HostAddress("unix", "/fake/h2")).guest_states() == []


def test_a_snapshot_is_equal_only_when_nothing_is_left_over(host: Host) -> None:
    before = fake.machine(ADDRESS).snapshot()
    guest_on(host)
    host.start_guest(GUEST)
    assert fake.machine(ADDRESS).snapshot() != before
    host.force_off_guest(GUEST)
    host.undefine_guest(GUEST)
    host.delete_volume("p", "disk.qcow2")
    after = fake.machine(ADDRESS).snapshot()
    assert after.guests == before.guests
    assert after.volumes == before.volumes
    assert after.pools != before.pools


def test_the_nth_call_fails_once(host: Host) -> None:
    guest_on(host)
    fake.machine(ADDRESS).faults.fail("start_guest", HostUnreachable("gone"), on_call=2)
    host.start_guest(GUEST)
    with pytest.raises(HostUnreachable):
        host.start_guest(GUEST)
    host.start_guest(GUEST)
    assert fake.machine(ADDRESS).faults.calls["start_guest"] == 3


def test_an_answer_can_be_lost_after_the_work_was_done(host: Host) -> None:
    guest_on(host)
    fake.machine(ADDRESS).faults.fail("start_guest", HostUnreachable("gone"), after_effect=True)
    with pytest.raises(HostUnreachable):
        host.start_guest(GUEST)
    state = host.guest_state(GUEST)
    assert state is not None
    assert state.power_state is PowerState.RUNNING


def test_an_unreachable_host_refuses_calls_and_connects(host: Host) -> None:
    fake.machine(ADDRESS).faults.is_unreachable = True
    for attempt in (host.guest_states, lambda: fake.connect(ADDRESS)):
        with pytest.raises(HostUnreachable):
            attempt()


def test_a_frozen_host_hangs_until_its_limit(host: Host) -> None:
    faults = fake.machine(ADDRESS).faults
    faults.answer_limit_s = 0.05
    faults.freeze()
    started = time.monotonic()
    with pytest.raises(HostUnreachable):
        host.guest_states()
    assert time.monotonic() - started >= 0.05
    faults.thaw()
    assert host.guest_states() == []


def test_a_guest_may_ignore_a_shutdown(host: Host) -> None:
    guest_on(host)
    host.start_guest(GUEST)
    fake.machine(ADDRESS).faults.guests_ignoring_shutdown.add(GUEST)
    host.shutdown_guest(GUEST)
    state = host.guest_state(GUEST)
    assert state is not None
    assert state.power_state is PowerState.RUNNING


def test_a_full_pool_refuses_new_bytes(host: Host) -> None:
    guest_on(host)
    fake.machine(ADDRESS).faults.has_no_space = True
    with pytest.raises(NoSpace):
        host.create_volume("p", VolumeSpec("more", 1))
    with pytest.raises(NoSpace):
        host.upload_volume("p", "disk.qcow2", io.BytesIO(b"x"), 1, lambda done, total: None)


def test_a_dropped_connection_says_so_and_is_dead(host: Host) -> None:
    seen: list[HostEvent] = []
    with host.subscribe(seen.append):
        fake.machine(ADDRESS).drop_connections()
    assert [event.kind for event in seen] == [EventKind.CLOSED]
    assert not host.is_alive()
    with pytest.raises(HostUnreachable):
        host.guest_states()
    assert fake.connect(ADDRESS).guest_states() == []
