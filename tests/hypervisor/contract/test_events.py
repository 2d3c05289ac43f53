"""Events: what the watcher hears, and in which order."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypervisor.observed import EventKind, HostEvent, PowerState
from hypervisor.port import Host
from tests.hypervisor.contract.conftest import Bench


def wait_for(condition: Callable[[], bool], *, limit_s: float = 5.0) -> bool:
    ends_at = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.01)
    return True


def test_a_guests_life_is_told_in_order(bench: Bench, host: Host) -> None:
    heard: list[HostEvent] = []
    with host.subscribe(heard.append):
        spec = bench.defined()
        host.start_guest(spec.uuid)
        host.suspend_guest(spec.uuid)
        host.resume_guest(spec.uuid)
        host.force_off_guest(spec.uuid)
        host.undefine_guest(spec.uuid)
        assert wait_for(lambda: any(event.kind is EventKind.GUEST_REMOVED for event in heard))
    of_guest = [event for event in heard if event.uuid == spec.uuid]
    assert all(event.name == spec.name for event in of_guest)
    assert of_guest[0].definition_changed
    states = [event.power_state for event in of_guest if event.power_state]
    in_order = [state for index, state in enumerate(states) if index == 0 or state is not states[index - 1]]
    assert in_order == [PowerState.RUNNING, PowerState.PAUSED, PowerState.RUNNING, PowerState.SHUTOFF]
    assert of_guest[-1].kind is EventKind.GUEST_REMOVED


def test_a_transient_guest_is_told_removed_when_undefined_and_stopped_when_it_stops(bench: Bench, host: Host) -> None:
    spec = bench.started()
    heard: list[HostEvent] = []
    with host.subscribe(heard.append):
        host.undefine_guest(spec.uuid)
        host.force_off_guest(spec.uuid)
        assert wait_for(lambda: any(event.power_state is PowerState.SHUTOFF and event.uuid == spec.uuid for event in heard))
    told = [event for event in heard if event.uuid == spec.uuid]
    assert told[0].kind is EventKind.GUEST_REMOVED
    assert (told[-1].kind, told[-1].power_state) == (EventKind.GUEST, PowerState.SHUTOFF)
    assert host.guest_state(spec.uuid) is None


def test_new_pools_and_networks_are_told(bench: Bench, host: Host) -> None:
    heard: list[HostEvent] = []
    with host.subscribe(heard.append):
        bench.with_pool()
        host.ensure_network(bench.network_spec())
        assert wait_for(lambda: {EventKind.POOL, EventKind.NETWORK} <= {event.kind for event in heard})
    assert bench.pool in {event.name for event in heard if event.kind is EventKind.POOL}


def test_nothing_is_heard_after_the_subscription(bench: Bench, host: Host) -> None:
    heard: list[HostEvent] = []
    with host.subscribe(heard.append):
        pass
    spec = bench.defined()
    host.start_guest(spec.uuid)
    time.sleep(0.05)
    assert heard == []


def test_two_subscribers_hear_the_same(bench: Bench, host: Host) -> None:
    first: list[HostEvent] = []
    second: list[HostEvent] = []
    with host.subscribe(first.append), host.subscribe(second.append):
        spec = bench.started()
        running = PowerState.RUNNING
        assert wait_for(lambda: all(any(e.power_state is running and e.uuid == spec.uuid for e in heard) for heard in (first, second)))
