"""Changes made behind our back are seen, written and told at once."""

from __future__ import annotations

import pytest

from guests.models import Guest
from hosts.models import UnmanagedGuest
from hypervisor.observed import EventKind, PowerState
from jobs.models import Job
from tests.watcher.conftest import domain, eventually, state_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def guest(make_guest, machine):
    row = make_guest(state="running")
    domain(machine, uuid=row.uuid, name=row.domain_name, state="running", quietly=True)
    return row


@pytest.fixture
def up(guest, watch, host):
    supervisor = watch()
    one = supervisor.watches[host.pk]
    eventually(one.is_up.is_set)
    return one


def test_a_pause_is_written_and_told_with_a_newer_version(up, guest, machine, published):
    machine.set_power(machine.guest(guest.uuid), PowerState.PAUSED)
    eventually(lambda: state_of(guest) == "paused")
    told = eventually(lambda: [c for c in published if c["kind"] == "guest" and c["data"]["state"] == "paused"])
    assert told[0]["id"] == str(guest.pk)
    assert told[0]["tenant"] == str(guest.tenant_id)
    assert told[0]["version"] > guest.version


def test_an_event_without_a_state_makes_us_ask(up, guest, machine):
    machine.guest(guest.uuid).power_state = PowerState.CRASHED
    machine.tell(EventKind.GUEST, machine.guest(guest.uuid), definition_changed=True)
    eventually(lambda: state_of(guest) == "crashed")


def test_stopped_and_started_within_one_breath_ends_running(up, guest, machine):
    for state in (PowerState.SHUTOFF, PowerState.RUNNING):
        machine.set_power(machine.guest(guest.uuid), state)
    eventually(lambda: Guest.objects.get(pk=guest.pk).version > guest.version or True)
    eventually(lambda: up.events.empty() and state_of(guest) == "running")


def test_a_changed_definition_reaches_the_row(up, guest, machine):
    domain(machine, uuid=guest.uuid, name=guest.domain_name, state="running")
    eventually(lambda: Guest.objects.get(pk=guest.pk).memory_mib == 768)
    assert Guest.objects.get(pk=guest.pk).vcpus == 2


def test_an_undefined_guest_is_missing_and_comes_back(up, guest, machine):
    gone = machine.guests.pop(guest.uuid)
    machine.tell(EventKind.GUEST_REMOVED, gone)
    eventually(lambda: Guest.objects.get(pk=guest.pk).is_missing)
    assert Guest.objects.get(pk=guest.pk).tenant_id == guest.tenant_id
    machine.guests[guest.uuid] = gone
    machine.tell(EventKind.GUEST, gone)
    eventually(lambda: not Guest.objects.get(pk=guest.pk).is_missing)


def test_a_guest_its_job_is_deleting_is_not_called_missing(up, guest, machine, published):
    Job.objects.create(kind="guest.delete", title="Delete", state="running", target_id=guest.pk, exclusive_key=f"guest:{guest.pk}")
    machine.tell(EventKind.GUEST_REMOVED, machine.guests.pop(guest.uuid))
    eventually(lambda: guest.uuid in up.doubts and up.doubts[guest.uuid].since < up.doubts[guest.uuid].due - 0.5)
    assert not Guest.objects.get(pk=guest.pk).is_missing


def test_a_new_domain_is_listed_as_unmanaged_until_it_goes(up, host, machine):
    stranger = domain(machine, name="handmade")
    row = eventually(lambda: UnmanagedGuest.objects.filter(host=host, name="handmade").first())
    assert row.state == "shutoff"
    eventually(lambda: UnmanagedGuest.objects.filter(pk=row.pk, vcpus=2, memory_mib=768).exists())
    machine.set_power(stranger, PowerState.RUNNING)
    eventually(lambda: UnmanagedGuest.objects.filter(pk=row.pk, state="running").exists())
    machine.tell(EventKind.GUEST_REMOVED, machine.guests.pop(stranger.uuid))
    eventually(lambda: not UnmanagedGuest.objects.exists())


def test_a_definition_nobody_can_read_keeps_none_of_the_others_from_being_read(up, host, machine):
    machine.faults.fail("guest", ValueError("an element nobody expected"))
    domain(machine, name="a-odd")
    eventually(lambda: machine.faults.calls["guest"])
    domain(machine, name="b-good")
    eventually(lambda: UnmanagedGuest.objects.filter(name="b-good", vcpus=2).exists())


def test_a_guest_being_created_is_neither_missing_nor_off_while_its_job_runs(up, make_guest, machine):
    row = make_guest("web-2", state="creating")
    job = Job.objects.create(kind="guest.create", title="Create", state="running", target_id=row.pk, exclusive_key=f"guest:{row.pk}")
    up.reconcile_due = 0
    domain(machine, uuid=row.uuid, name=row.domain_name)
    eventually(lambda: row.uuid in up.doubts)
    assert state_of(row) == "creating"
    assert not UnmanagedGuest.objects.exists()
    Job.objects.filter(pk=job.pk).update(state="succeeded")
    eventually(lambda: state_of(row) == "shutoff")


def test_a_guest_being_created_that_runs_is_running(up, make_guest, machine):
    row = make_guest("web-2", state="creating")
    domain(machine, uuid=row.uuid, name=row.domain_name, state="running")
    eventually(lambda: state_of(row) == "running")
