"""Jobs that wait: a delete for its host, however long; a job over others for its children, also when it is cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from guests.models import Guest
from guests.requests import CreateGuest
from guests.selectors import guest_for, guest_view
from guests.services.create import create_guests
from guests.services.delete import delete_guest
from hosts.models import Host
from jobs import enqueue
from jobs.models import Job, JobState
from jobs.payload import job_payload
from jobs.services import cancel_job
from jobs.testing import run_inline
from kvmweb.errors import Conflict


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueue, "send", lambda job_id, *, delay_s=0: True)


def later(job: Job, seconds: float) -> Job:
    """As if that much time had passed while it waited."""
    job.refresh_from_db()
    since = job.waiting_since - timedelta(seconds=seconds) if job.waiting_since else None
    Job.objects.filter(pk=job.pk).update(waiting_since=since, not_before=None)
    return job


@pytest.fixture
def deleting(real_guest, machine, host, member_actor) -> Job:
    """A delete whose host stays away."""
    guest = real_guest()
    machine.faults.is_unreachable = True
    Host.objects.filter(pk=host.pk).update(state="unreachable")
    return run_inline(delete_guest(member_actor, guest))


def test_a_delete_waits_for_its_host_and_says_so(deleting, member_actor) -> None:
    payload = job_payload(deleting, member_actor)
    assert (payload["state"], payload["waits_for_host"], payload["step"]) == ("queued", True, "Waits for its host")
    assert guest_view(member_actor, guest_for(member_actor, deleting.target_id))["state_label"] == "deleting: waits for its host"


def test_it_is_not_given_up_after_hours_and_ends_by_itself_when_the_host_is_back(deleting, machine, host) -> None:
    for _ in range(3):
        assert run_inline(later(deleting, 3600)).state == JobState.QUEUED
    machine.faults.is_unreachable = False
    Host.objects.filter(pk=host.pk).update(state="up")
    later(deleting, 1)
    assert run_inline(deleting).state == JobState.SUCCEEDED
    assert not Guest.objects.exists()


def test_after_a_minute_a_host_its_watcher_cannot_reach_is_left_alone(deleting, machine) -> None:
    """A hundred such jobs may not keep the workers busy with a dead host."""
    later(deleting, 120)
    machine.faults.is_unreachable = False  # had it been tried, it would have been done
    assert run_inline(deleting).state == JobState.QUEUED
    assert Guest.objects.exists()


def test_while_it_waits_it_can_be_cancelled(deleting, member_actor, machine) -> None:
    cancel_job(member_actor, later(deleting, 0))
    assert run_inline(deleting).state == JobState.CANCELLED
    assert Guest.objects.exists()


def test_once_a_worker_has_it_it_cannot(real_guest, machine, member_actor) -> None:
    job = delete_guest(member_actor, real_guest())
    Job.objects.filter(pk=job.pk).update(state="running", lease_owner="w/1", lease_expires_at=timezone.now())
    job.refresh_from_db()
    with pytest.raises(Conflict, match="half-way"):
        cancel_job(member_actor, job)


# -- jobs over others ------------------------------------------------------------------------------------------------------------------
def test_cancelling_a_create_of_several_cancels_each_and_waits_for_them(machine, image, tenant, member_actor) -> None:
    made = create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=128, count=3))
    first, *others = Job.objects.filter(parent=made.job).order_by("created_at")
    assert run_inline(first).state == JobState.SUCCEEDED
    parent = run_inline(made.job)
    cancel_job(member_actor, parent)
    assert {Job.objects.get(pk=job.pk).state for job in others} == {JobState.CANCELLING}
    parent = run_inline(parent)
    assert parent.state == JobState.CANCELLING
    for job in others:
        assert run_inline(job).state == JobState.CANCELLED
    parent = run_inline(later(parent, 0))
    assert parent.state == JobState.CANCELLED
    assert list(Guest.objects.values_list("pk", flat=True)) == [first.target_id]
    assert "1 of 3 guests had been made" in parent.log_lines.get(text__contains="had been made").text


def test_operators_read_why_a_guest_is_where_it_is(machine, image, tenant, member_actor, operator_actor) -> None:
    job = create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=128)).job
    assert "the only host that fits" in job_payload(job, operator_actor)["placement"]
    assert job_payload(job, member_actor)["placement"] == ""
