"""The full look at a host: what it finds, what it costs when there is nothing to find."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from guests import inventory
from guests.models import Guest
from hosts.models import UnmanagedGuest
from hypervisor import fake
from hypervisor.observed import PowerState
from tests.watcher.conftest import domain, eventually, state_of
from watcher.host_watch import HostWatch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def quiet_watch(host):
    """A watch whose threads do not run: its steps are called one by one."""
    return HostWatch(host.pk, host.name, host.hypervisor_address, fake.connect)


def test_changes_whose_events_were_lost_are_found(make_guest, machine, host, quiet_watch):
    guests = {state: make_guest(f"g-{state}", state="shutoff") for state in ("running", "paused", "shutoff")}
    for state, row in guests.items():
        domain(machine, uuid=row.uuid, state=state, quietly=True)
    quiet_watch._reconcile(fake.connect(host.hypervisor_address))
    assert {state_of(row) for row in guests.values()} == {"running", "paused", "shutoff"}


def test_an_unchanged_reconcile_writes_nothing_and_asks_once(make_guest, machine, host, quiet_watch):
    for number in range(20):
        row = make_guest(f"g-{number}")
        domain(machine, uuid=row.uuid, quietly=True)
        domain(machine, quietly=True)
    connected = fake.connect(host.hypervisor_address)
    for _ in range(2):
        quiet_watch._reconcile(connected)
    machine.faults.calls.clear()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        quiet_watch._reconcile(connected)
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]
    assert dict(machine.faults.calls) == {"guest_states": 1}


def test_many_unmanaged_domains_are_taken_in_without_reading_definitions(machine, host, quiet_watch):
    for _ in range(1200):
        domain(machine, quietly=True)
    quiet_watch._reconcile(fake.connect(host.hypervisor_address))
    assert UnmanagedGuest.objects.count() == 1200
    assert machine.faults.calls["guest"] == 0


def test_an_unmanaged_domain_leaves_the_list_when_a_row_owns_it(make_guest, machine, host, quiet_watch):
    connected = fake.connect(host.hypervisor_address)
    stranger = domain(machine, quietly=True)
    quiet_watch._reconcile(connected)
    assert UnmanagedGuest.objects.count() == 1
    row = make_guest()
    Guest.objects.filter(pk=row.pk).update(uuid=stranger.uuid)
    quiet_watch._reconcile(connected)
    assert not UnmanagedGuest.objects.exists()


def test_a_row_corrected_by_somebody_else_is_put_right(make_guest, machine, host, quiet_watch):
    connected = fake.connect(host.hypervisor_address)
    row = make_guest(state="running")
    domain(machine, uuid=row.uuid, state="running", quietly=True)
    quiet_watch._reconcile(connected)
    Guest.objects.filter(pk=row.pk).update(state="crashed", version=99)
    quiet_watch._reconcile(connected)
    assert state_of(row) == "running"


def test_a_database_that_fails_for_a_moment_loses_no_change(make_guest, machine, host, watch, monkeypatch):
    row = make_guest(state="running")
    domain(machine, uuid=row.uuid, state="running", quietly=True)
    one = watch().watches[host.pk]
    eventually(one.is_up.is_set)
    original, failures = inventory.apply_states, []

    def fails_twice(states):
        if len(failures) < 2:
            failures.append(states)
            raise OperationalError("database is locked")
        original(states)

    monkeypatch.setattr(inventory, "apply_states", fails_twice)
    machine.set_power(machine.guest(row.uuid), PowerState.PAUSED)
    eventually(lambda: state_of(row) == "paused", within_s=10)
    assert len(failures) == 2
