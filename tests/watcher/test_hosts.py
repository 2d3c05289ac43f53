"""Hosts that come, go, freeze and are disabled; one never delays another."""

from __future__ import annotations

import threading
from itertools import groupby

import pytest

from hosts.models import Host
from hypervisor import fake
from hypervisor.observed import PowerState
from hypervisor.specs import NetworkSpec, PoolSpec
from tests.watcher.conftest import domain, eventually, state_of

pytestmark = pytest.mark.django_db(transaction=True)


def state(host):
    return Host.objects.values_list("state", flat=True).get(pk=host.pk)


@pytest.fixture
def second(db):
    return Host.objects.create(name="h2", kind="unix", socket_path="/fake/second", state="connecting")


def test_a_host_comes_up_with_its_facts_pools_and_networks(host, machine, watch):
    Host.objects.filter(pk=host.pk).update(state="connecting", cpus=0)
    connection = fake.connect(host.hypervisor_address)
    connection.ensure_pool(PoolSpec("default", "/p"))
    connection.ensure_network(NetworkSpec("default", "virbr0", "192.168.9.1", 24, "192.168.9.2", "192.168.9.99"))
    watch()
    eventually(lambda: state(host) == "up")
    eventually(lambda: Host.objects.get(pk=host.pk).cpus == machine.cpus)
    eventually(lambda: host.pools.filter(name="default", is_active=True, is_default=True).exists())
    eventually(lambda: host.networks.filter(name="default", is_active=True, is_default=True).exists())


def test_a_lost_connection_is_told_and_made_again_with_what_happened_meanwhile(host, machine, make_guest, watch, published):
    row = make_guest(state="running")
    domain(machine, uuid=row.uuid, state="running", quietly=True)
    one = watch().watches[host.pk]
    eventually(one.is_up.is_set)
    machine.faults.is_unreachable = True
    machine.drop_connections()
    eventually(lambda: state(host) == "unreachable")
    assert Host.objects.get(pk=host.pk).state_reason
    machine.guest(row.uuid).power_state = PowerState.PAUSED
    machine.faults.is_unreachable = False
    eventually(lambda: state(host) == "up")
    eventually(lambda: state_of(row) == "paused")
    # Told after the commit that `state` saw, so perhaps a moment later.
    eventually(lambda: _states_told(published)[-2:] == ["unreachable", "up"])
    eventually(lambda: any(c["data"]["is_stale"] for c in published if c["kind"] == "guest"))


def _states_told(published):
    told = [c["data"]["state"] for c in published if c["kind"] == "host"]
    return [state for state, _same in groupby(told)]


def test_the_moment_it_was_lost_stays_while_it_is_tried_again(host, machine, watch):
    machine.faults.is_unreachable = True
    watch()
    since = eventually(lambda: state(host) == "unreachable") and Host.objects.get(pk=host.pk).state_since
    tries = machine.faults.connects
    eventually(lambda: machine.faults.connects > tries + 1)
    assert Host.objects.get(pk=host.pk).state_since == since


def test_a_frozen_host_delays_no_other(host, second, machine, make_guest, watch):
    row = make_guest(state="running")
    domain(machine, uuid=row.uuid, state="running", quietly=True)
    frozen = fake.machine(second.hypervisor_address)
    supervisor = watch()
    eventually(lambda: state(host) == "up" and state(second) == "up")
    frozen.faults.answer_limit_s = 2
    frozen.faults.freeze()
    supervisor.watches[second.pk].reconcile_due = 0
    for wanted in (PowerState.PAUSED, PowerState.RUNNING) * 3:
        machine.set_power(machine.guest(row.uuid), wanted)
        eventually(lambda wanted=wanted: state_of(row) == wanted, within_s=1.0)
    eventually(lambda: state(second) == "unreachable")
    assert state(host) == "up"
    frozen.faults.thaw()
    eventually(lambda: state(second) == "up", within_s=10)


def test_a_host_that_stays_frozen_leaks_no_threads(host, machine, watch):
    machine.faults.freeze()
    watch()
    eventually(lambda: state(host) == "unreachable")
    before = threading.active_count()
    connects = machine.faults.connects
    eventually(lambda: machine.faults.connects >= connects + 3, within_s=10)
    assert threading.active_count() <= before
    machine.faults.thaw()


def test_disabled_and_removed_hosts_are_let_go_and_new_ones_taken_up(host, second, watch):
    supervisor = watch()
    eventually(lambda: state(host) == "up" and state(second) == "up")
    Host.objects.filter(pk=host.pk).update(is_enabled=False)
    second.delete()
    third = Host.objects.create(name="h3", kind="unix", socket_path="/fake/third")
    supervisor.look()
    assert set(supervisor.watches) == {third.pk}
    eventually(lambda: state(host) == "disabled" and state(third) == "up")
    Host.objects.filter(pk=host.pk).update(is_enabled=True, state="connecting")
    supervisor.look()
    eventually(lambda: state(host) == "up")


def test_a_host_at_another_address_is_watched_there(host, watch):
    supervisor = watch()
    before = supervisor.watches[host.pk]
    Host.objects.filter(pk=host.pk).update(socket_path="/fake/elsewhere")
    supervisor.look()
    assert before.stopping.is_set()
    assert supervisor.watches[host.pk].address.socket_path == "/fake/elsewhere"
