"""Changing a guest: ours at once, its definition by a job."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from guests.inventory import apply_definition
from guests.models import Guest
from guests.services.change import change_guest
from hypervisor import fake
from hypervisor.errors import Refused
from hypervisor.fake import FakeMachine
from jobs.models import Job, JobState
from jobs.selectors import active_jobs_for
from jobs.testing import assert_every_step_twice, assert_survives_a_lost_worker, assert_unwinds_from_every_step, run_inline
from kvmweb.errors import Busy, Conflict, InvalidInput, NotAllowed, NotFound, QuotaExceeded
from tenants.models import Quota
from tenants.quota import usage_of


def job_of(guest: Guest) -> Job:
    return active_jobs_for([guest.pk])[guest.pk]


def test_what_is_ours_changes_at_once_and_without_a_job(make_guest, member_actor) -> None:
    guest = make_guest()
    soon = timezone.now() + timedelta(days=3)
    changes = {"name": "db-1", "description": "the db", "tags": ["prod", "db"], "is_protected": True, "expires_at": soon}
    changed = change_guest(member_actor, guest, changes)
    assert {field: getattr(changed, field) for field in changes} == changes
    assert changed.version == guest.version + 1
    assert not Job.objects.exists()


def test_size_is_written_into_the_definition(real_guest, machine: FakeMachine, member_actor) -> None:
    guest = real_guest()
    changed = change_guest(member_actor, guest, {"vcpus": 2, "memory_mib": 1024})
    assert (changed.vcpus, changed.memory_mib) == (2, 1024)
    assert run_inline(job_of(guest)).state == JobState.SUCCEEDED
    seen = fake.connect(guest.host.hypervisor_address).guest(guest.uuid)
    assert (seen.vcpus, seen.memory_mib) == (2, 1024)


def test_autostart_can_be_switched_while_it_runs(real_guest, machine: FakeMachine, member_actor) -> None:
    guest = real_guest(state="running")
    change_guest(member_actor, guest, {"autostart": True})
    assert run_inline(job_of(guest)).state == JobState.SUCCEEDED
    assert machine.guests[guest.uuid].autostart is True


def test_size_of_a_running_guest_is_refused_with_the_reason(real_guest, member_actor) -> None:
    guest = real_guest(state="running")
    with pytest.raises(Conflict, match="is running: vCPUs and memory can be changed while it is shut off"):
        change_guest(member_actor, guest, {"vcpus": 2})
    guest.refresh_from_db()
    assert guest.vcpus == 1


def test_same_values_are_no_change(make_guest, member_actor) -> None:
    guest = make_guest(state="running")
    changed = change_guest(member_actor, guest, {"name": guest.name, "vcpus": guest.vcpus, "tags": []})
    assert changed.version == guest.version
    assert not Job.objects.exists()


def test_host_that_refuses_gives_the_old_size_back(real_guest, machine: FakeMachine, member_actor) -> None:
    guest = real_guest()
    change_guest(member_actor, guest, {"vcpus": 2})
    machine.faults.fail("resize_guest", Refused("no"))
    assert run_inline(job_of(guest)).state == JobState.FAILED
    guest.refresh_from_db()
    assert guest.vcpus == 1


def test_change_unwinds_runs_twice_and_survives(real_guest, machine: FakeMachine, member_actor) -> None:
    guest = real_guest()

    def make() -> Job:
        change_guest(member_actor, guest, {"vcpus": 2, "memory_mib": 300, "autostart": True})
        return job_of(guest)

    assert_every_step_twice(make, machine)
    assert_unwinds_from_every_step(make, machine)
    assert_survives_a_lost_worker(make, machine)


def test_guest_started_meanwhile_keeps_its_size(real_guest, machine: FakeMachine, member_actor) -> None:
    guest = real_guest()
    change_guest(member_actor, guest, {"vcpus": 2})
    fake.connect(guest.host.hypervisor_address).start_guest(guest.uuid)
    job = run_inline(job_of(guest))
    assert "was started meanwhile" in job.error["message"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Bad Name"}, "name"),
        ({"tags": ["UPPER"]}, "tags"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
        ({"vcpus": 0}, "vcpus"),
        ({"vcpus": 9}, "vcpus"),
        ({"memory_mib": 1}, "memory_mib"),
        ({"memory_mib": 40000}, "memory_mib"),
        ({"is_protected": "yes"}, "is_protected"),
        ({"uuid": "x"}, "uuid"),
        ({"tenant": "x"}, "tenant"),
        ({"state": "running"}, "state"),
    ],
)
def test_bad_changes_are_refused_by_field(changes, field, make_guest, member_actor) -> None:
    with pytest.raises(InvalidInput) as refused:
        change_guest(member_actor, make_guest(), changes)
    assert list(refused.value.fields) == [field]


def test_name_of_another_guest_is_refused(make_guest, member_actor) -> None:
    make_guest("db-1")
    with pytest.raises(InvalidInput, match="has a guest called db-1 already"):
        change_guest(member_actor, make_guest("web-1"), {"name": "db-1"})


def test_growing_counts_against_the_quota_shrinking_does_not(make_guest, member_actor, tenant) -> None:
    guest = make_guest(vcpus=2)
    Quota.objects.create(tenant=tenant, vcpus=2)
    with pytest.raises(QuotaExceeded):
        change_guest(member_actor, guest, {"vcpus": 3})
    change_guest(member_actor, guest, {"vcpus": 1})
    assert job_of(guest).args["changes"] == {"vcpus": 1}


def test_what_shrinks_is_given_back_when_it_has_shrunk(real_guest, make_guest, machine: FakeMachine, member_actor, tenant) -> None:
    guest, other = real_guest(vcpus=4), make_guest("other", vcpus=1)
    Quota.objects.create(tenant=tenant, vcpus=5)
    change_guest(member_actor, guest, {"vcpus": 1})
    with pytest.raises(QuotaExceeded):  # the host may still refuse, and then the guest has its four again
        change_guest(member_actor, other, {"vcpus": 4})
    assert run_inline(job_of(guest)).state == JobState.SUCCEEDED
    guest.refresh_from_db()
    assert guest.vcpus == 1
    change_guest(member_actor, other, {"vcpus": 4})


def test_what_grows_is_given_back_when_the_host_refuses(real_guest, machine: FakeMachine, member_actor, tenant) -> None:
    guest = real_guest(vcpus=1)
    Quota.objects.create(tenant=tenant, vcpus=2)
    change_guest(member_actor, guest, {"vcpus": 2})
    assert usage_of(tenant.pk)["vcpus"] == 2
    machine.faults.fail("resize_guest", Refused("no"))
    assert run_inline(job_of(guest)).state == JobState.FAILED
    assert usage_of(tenant.pk)["vcpus"] == 1


def test_a_look_at_the_host_does_not_end_a_reservation(real_guest, machine: FakeMachine, member_actor, tenant) -> None:
    guest = real_guest(vcpus=1)
    change_guest(member_actor, guest, {"vcpus": 2})
    apply_definition(guest.pk, fake.connect(guest.host.hypervisor_address).guest(guest.uuid))
    assert usage_of(tenant.pk)["vcpus"] == 2


def test_two_changes_at_once_the_second_is_busy(make_guest, member_actor) -> None:
    guest = make_guest()
    change_guest(member_actor, guest, {"vcpus": 2})
    with pytest.raises(Busy):
        change_guest(member_actor, guest, {"vcpus": 3})


def test_stranger_gets_404_and_viewer_403(make_guest, stranger_actor, viewer_actor) -> None:
    guest = make_guest()
    with pytest.raises(NotFound):
        change_guest(stranger_actor, guest, {"name": "mine"})
    with pytest.raises(NotAllowed):
        change_guest(viewer_actor, guest, {"name": "mine"})
