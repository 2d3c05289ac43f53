"""What workers and redis lost is found again; one bad job stops nobody; a long queue does not grow by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import enqueue, sweeper, transitions
from jobs.models import Job, JobLogLine, JobState
from jobs.testing import run_inline
from kvmweb import heartbeat


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    sent = []
    monkeypatch.setattr(enqueue, "send", lambda job_id, *, delay_s=0: sent.append(job_id) or True)
    return sent


@pytest.fixture
def queue(monkeypatch):
    """Set queue[0] to what redis says."""
    lengths = [0]
    monkeypatch.setattr(heartbeat, "queue_length", lambda name: lengths[0])
    return lengths


def age(job: Job, seconds: float = 60) -> Job:
    long_ago = timezone.now() - timedelta(seconds=seconds)
    Job.objects.filter(pk=job.pk).update(created_at=long_ago, sent_at=long_ago)
    return job


def test_a_job_celery_lost_is_sent_again_once(world, submit_job, sent, queue):
    job = age(submit_job())
    sweeper.sweep()
    sweeper.sweep()
    assert sent == [job.pk]


def test_a_job_whose_send_failed_is_sent(world, submit_job, sent, queue):
    job = age(submit_job())
    transitions.mark_sent([job.pk], ok=False)
    sweeper.sweep()
    assert sent == [job.pk]


def test_fresh_running_waiting_and_finished_jobs_are_left_alone(world, submit_job, sent, queue):
    submit_job()
    running = age(submit_job())
    transitions.claim(running, worker="w", slot="1")
    later = age(submit_job())
    Job.objects.filter(pk=later.pk).update(not_before=transitions.in_seconds(60))
    age(run_inline(submit_job()))
    sweeper.sweep()
    assert sent == []


def test_jobs_whose_messages_are_still_in_the_queue_are_not_sent_again(world, submit_job, sent, queue):
    jobs = [age(submit_job(), 60 - n) for n in range(5)]
    queue[0] = 5
    sweeper.sweep()
    assert sent == []
    queue[0] = 3
    sweeper.sweep()
    assert sent == [jobs[0].pk, jobs[1].pk]


def test_nothing_is_sent_while_redis_does_not_answer(world, submit_job, sent, queue):
    age(submit_job())
    queue[0] = None
    sweeper.sweep()
    assert sent == []


def test_a_lost_worker_is_noticed_by_its_lease_and_its_job_queued_again(world, submit_job, sent, queue):
    job = submit_job()
    transitions.claim(job, worker="w", slot="1")
    sweeper.sweep()
    assert sent == [], "the lease is good for 15 s"
    Job.objects.filter(pk=job.pk).update(lease_expires_at=transitions.in_seconds(-1))
    sweeper.sweep()
    job.refresh_from_db()
    assert (job.state, job.crashes, job.lease_owner) == (JobState.QUEUED, 1, "")
    assert sent == [job.pk]
    assert "attempt 2 of 3" in JobLogLine.objects.get(job=job).text


def test_a_cancel_whose_worker_was_lost_stays_a_cancel(world, submit_job, sent, queue):
    job = submit_job()
    transitions.claim(job, worker="w", slot="1")
    transitions.request_cancel(job.pk)
    Job.objects.filter(pk=job.pk).update(lease_expires_at=transitions.in_seconds(-1))
    sweeper.sweep()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLING
    assert run_inline(job).state == JobState.CANCELLED


def test_one_bad_job_does_not_stop_the_rest(world, submit_job, sent, queue, monkeypatch):
    jobs = [submit_job() for _ in range(3)]
    for job in jobs:
        transitions.claim(job, worker="w", slot="1")
    Job.objects.update(lease_expires_at=transitions.in_seconds(-1))
    real = sweeper._recover

    def recover(job):
        if job.pk == jobs[1].pk:
            raise ValueError("broken row")
        real(job)

    monkeypatch.setattr(sweeper, "_recover", recover)
    sweeper.sweep()
    assert set(sent) == {jobs[0].pk, jobs[2].pk}


def test_old_finished_jobs_are_forgotten(world, submit_job):
    old, young, active = run_inline(submit_job()), run_inline(submit_job()), submit_job()
    Job.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=91))
    sweeper.prune()
    assert set(Job.objects.values_list("pk", flat=True)) == {young.pk, active.pk}
