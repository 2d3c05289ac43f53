"""Power actions: what they do to the guest, to its row, and when they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from guests.actions import allowed_actions
from guests.models import Guest
from guests.services.power import POWER, shutdown_guest, start_guest
from guests.steps import power
from hypervisor.fake import FakeMachine
from hypervisor.observed import PowerState
from jobs.models import Job, JobState
from jobs.selectors import active_jobs_for
from jobs.testing import assert_every_step_twice, assert_survives_a_lost_worker, run_inline
from kvmweb.errors import Busy, Conflict, InvalidInput, NotAllowed, NotFound

CASES = [
    ("start", "shutoff", "running", "running"),
    ("shutdown", "running", "shutoff", "shutoff"),
    ("reboot", "running", "running", "running"),
    ("reset", "running", "running", "running"),
    ("force-off", "running", "shutoff", "shutoff"),
    ("force-off", "paused", "shutoff", "shutoff"),
    ("suspend", "running", "paused", "paused"),
    ("resume", "paused", "running", "running"),
]


@pytest.mark.parametrize(("verb", "before", "after", "desired"), CASES)
def test_verb_changes_the_guest_and_its_row(verb, before, after, desired, real_guest, machine, member_actor) -> None:
    guest = real_guest(state=before)
    job = run_inline(POWER[verb](member_actor, guest))
    guest.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    assert machine.guests[guest.uuid].power_state == PowerState(after)
    assert (guest.state, guest.desired_state) == (after, desired)
    assert active_jobs_for([guest.pk]) == {}


@pytest.mark.parametrize(("verb", "before", "after", "desired"), CASES)
def test_every_step_may_run_twice_and_survives_a_lost_worker(verb, before, after, desired, real_guest, machine, member_actor) -> None:
    guest = real_guest(state=before)
    assert_every_step_twice(lambda: POWER[verb](member_actor, guest), machine)
    assert_survives_a_lost_worker(lambda: POWER[verb](member_actor, guest), machine)


@pytest.mark.parametrize("verb", POWER)
def test_stranger_gets_404_and_viewer_403(verb, make_guest, stranger_actor, viewer_actor) -> None:
    guest = make_guest(state="running")
    with pytest.raises(NotFound):
        POWER[verb](stranger_actor, guest)
    with pytest.raises(NotAllowed, match="member"):
        POWER[verb](viewer_actor, guest)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("verb", "state", "sentence"),
    [
        ("start", "running", "It is running already."),
        ("start", "paused", "Resume it instead."),
        ("shutdown", "shutoff", "It is shut off already."),
        ("shutdown", "paused", "Resume it first"),
        ("resume", "running", "It is running already."),
        ("suspend", "shutoff", "Start it first."),
        ("reset", "creating", "Wait until that is done."),
    ],
)
def test_wrong_state_is_refused_with_the_sentence_of_the_button(verb, state, sentence, make_guest, member_actor) -> None:
    guest = make_guest(state=state)
    with pytest.raises(Conflict, match=sentence):
        POWER[verb](member_actor, guest)
    button = allowed_actions(member_actor, guest, None)[verb]
    assert button["allowed"] is False
    assert sentence in str(button["reason"])
    guest.refresh_from_db()
    assert guest.desired_state == "shutoff"


def test_missing_guest_cannot_be_started(make_guest, member_actor) -> None:
    with pytest.raises(Conflict, match="does not have it any more"):
        start_guest(member_actor, make_guest(is_missing=True))


def test_second_click_is_told_what_runs(make_guest, member_actor) -> None:
    guest = make_guest()
    first = start_guest(member_actor, guest)
    with pytest.raises(Busy) as refused:
        start_guest(member_actor, guest)
    assert refused.value.details["job"]["id"] == str(first.pk)
    button = allowed_actions(member_actor, guest, first)["start"]
    assert button == {"allowed": False, "reason": "Busy: Start guest web-1. Wait, or cancel that job."}


def test_start_is_refused_when_the_host_has_too_little_memory(real_guest, machine: FakeMachine, member_actor) -> None:
    guest: Guest = real_guest(memory_mib=40000)
    job = run_inline(start_guest(member_actor, guest))
    guest.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.error["code"] == "no_capacity"
    assert job.error["message"] == 'Guest "web-1" cannot start: its host has 32256 MiB free of the 40000 MiB it needs.'
    assert machine.guests[guest.uuid].power_state == PowerState.SHUTOFF
    assert (guest.state, guest.desired_state) == ("shutoff", "shutoff")


def test_shutdown_that_is_not_answered_fails_with_what_to_do(real_guest, machine: FakeMachine, member_actor, monkeypatch: Any) -> None:
    monkeypatch.setattr(power, "LOOK_EVERY_S", 0.05)
    machine.faults.all_guests_ignore_shutdown = True
    guest = real_guest(state="running")
    job = run_inline(shutdown_guest(member_actor, guest, timeout_s=1))
    guest.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.error["code"] == "no_answer"
    assert job.error["message"] == 'Guest "web-1" was asked to shut down and is still running after 1 s.'
    assert job.error["hint"].startswith("Force it off, or wait")
    assert (guest.state, guest.desired_state) == ("running", "running")


def test_shutdown_asks_again_a_guest_that_was_still_booting(real_guest, machine: FakeMachine, member_actor, monkeypatch: Any) -> None:
    monkeypatch.setattr(power, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(power, "ASK_AGAIN_EVERY_S", 0.2)
    machine.faults.all_guests_ignore_shutdown = True
    guest = real_guest(state="running")
    run_inline(shutdown_guest(member_actor, guest, timeout_s=1))
    assert machine.faults.calls["shutdown_guest"] >= 3


def test_force_off_ends_a_shutdown_that_waits(real_guest, machine: FakeMachine, member_actor, monkeypatch: Any) -> None:
    monkeypatch.setattr(power, "LOOK_EVERY_S", 0.01)
    machine.faults.all_guests_ignore_shutdown = True
    guest = real_guest(state="running")
    job = shutdown_guest(member_actor, guest)
    assert allowed_actions(member_actor, guest, job)["force-off"]["allowed"] is True
    assert allowed_actions(member_actor, guest, job)["reset"]["allowed"] is False
    assert POWER["force-off"](member_actor, guest) == job
    job = run_inline(job)
    assert job.state == JobState.SUCCEEDED
    assert job.outcome.startswith("It was forced off after")
    assert machine.guests[guest.uuid].power_state == PowerState.SHUTOFF


@pytest.mark.parametrize("timeout_s", [0, -5, 100000])
def test_shutdown_timeout_has_limits(timeout_s, make_guest, member_actor) -> None:
    with pytest.raises(InvalidInput) as refused:
        shutdown_guest(member_actor, make_guest(state="running"), timeout_s=timeout_s)
    assert list(refused.value.fields) == ["timeout_s"]


def test_job_of_a_guest_somebody_removed_on_the_host_says_so(real_guest, machine: FakeMachine, member_actor) -> None:
    guest = real_guest()
    job = start_guest(member_actor, guest)
    machine.guests.clear()
    job = run_inline(job)
    assert job.state == JobState.FAILED
    assert "is not on its host any more" in job.error["message"]
