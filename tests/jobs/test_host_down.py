"""A host that does not answer is waited for without a worker; then the job is undone; an undo is finished when the host is back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import enqueue, sweeper, transitions
from jobs.models import Job, JobState
from jobs.testing import run_inline


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    sent = []
    monkeypatch.setattr(enqueue, "send", lambda job_id, *, delay_s=0: sent.append(delay_s) or True)
    return sent


def waited(job: Job, seconds: float) -> Job:
    """As if that much time had passed."""
    job.refresh_from_db()
    since = job.waiting_since - timedelta(seconds=seconds) if job.waiting_since else None
    Job.objects.filter(pk=job.pk).update(waiting_since=since, not_before=None)
    return job


def test_the_job_goes_back_to_the_queue_and_waits_longer_each_time(world, submit_job, sent):
    job = submit_job()
    world.host_is_down = True
    for _ in range(4):
        job = run_inline(job)
        assert (job.state, job.lease_owner) == (JobState.QUEUED, "")
        assert job.not_before > timezone.now()
        waited(job, sent[-1])
    assert [round(delay) for delay in sent] == [2, 2, 4, 8]
    world.host_is_down = False
    assert run_inline(job).state == JobState.SUCCEEDED
    assert job.crashes == 0


def test_it_is_not_run_before_its_time(world, submit_job):
    world.host_is_down = True
    job = run_inline(submit_job())
    world.host_is_down = False
    assert run_inline(job).state == JobState.QUEUED
    assert world.done == []


def test_a_host_that_stays_away_ends_the_job_and_later_its_undo_needs_attention(world, submit_job):
    world.during["a"] = lambda context: setattr(world, "host_is_down", True)
    job = run_inline(submit_job())
    waited(job, 61)
    job = run_inline(job)
    assert (job.state, job.is_undoing, job.error["code"]) == (JobState.QUEUED, True, "host_unreachable")
    waited(job, 61)
    job = run_inline(job)
    assert job.state == JobState.NEEDS_ATTENTION
    assert "Not undone: Make a; Make b." in job.error["message"]
    assert "/run/secret" not in job.error["message"]
    assert job.error["cause"]["code"] == "host_unreachable"


def test_the_undo_goes_on_by_itself_when_the_host_is_up_again(world, submit_job, host, monkeypatch):
    is_up = False
    monkeypatch.setattr(sweeper, "is_host_up", lambda host_id: is_up)
    world.during["a"] = lambda context: setattr(world, "host_is_down", True)
    job = run_inline(submit_job(host_id=host.pk))
    for _ in range(2):
        waited(job, 61)
        job = run_inline(job)
    Job.objects.filter(pk=job.pk).update(not_before=transitions.in_seconds(-1))
    sweeper.sweep()
    job.refresh_from_db()
    assert job.state == JobState.NEEDS_ATTENTION, "the host is still down"
    is_up, world.host_is_down = True, False
    sweeper.sweep()
    job = run_inline(job)
    assert (job.state, job.error["code"]) == (JobState.FAILED, "host_unreachable")
    assert world.things == set()


def test_a_step_that_worked_starts_the_patience_anew(world, submit_job):
    world.host_is_down = True
    job = run_inline(submit_job())
    waited(job, 50)
    world.host_is_down = False
    world.during["a"] = lambda context: setattr(world, "host_is_down", True)
    job = run_inline(job)
    assert job.state == JobState.QUEUED
    assert (timezone.now() - job.waiting_since).total_seconds() < 5


def test_a_waiting_job_is_cancelled_at_once(world, submit_job, operator_actor):
    from jobs.services import cancel_job

    world.host_is_down = True
    job = run_inline(submit_job())
    cancel_job(operator_actor, job)
    world.host_is_down = False
    assert run_inline(job).state == JobState.CANCELLED
