"""Redis down: the job is kept, the row says that it must be sent, and only the first click waits for redis."""

from __future__ import annotations

import time

import pytest

from jobs import enqueue
from jobs.models import Job
from kvmweb import heartbeat


@pytest.fixture
def broken_redis(monkeypatch):
    """A list of the attempts; `answers[0]` True: it is back."""
    attempts, answers = [], [False]

    def producers(pid):
        attempts.append(pid)
        raise ConnectionError("redis is down")

    monkeypatch.setattr(enqueue, "_producers", producers)
    monkeypatch.setattr(enqueue, "ASK_EVERY_S", 0.01)
    monkeypatch.setattr(heartbeat, "queue_length", lambda queue: 0 if answers[0] else None)
    yield attempts, answers
    answers[0] = True
    _until_not_silent()


def _until_not_silent() -> None:
    end = time.monotonic() + 2
    while enqueue._silent_pid:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_job_survives_a_failed_send_and_is_marked_to_be_sent(broken_redis, world, submit_job, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        job = submit_job()
    assert Job.objects.get(pk=job.pk).sent_at is None


def test_after_one_failure_nobody_waits_until_redis_answers_again(broken_redis, world, submit_job):
    attempts, answers = broken_redis
    jobs = [submit_job() for _ in range(5)]
    assert not any(enqueue.send(job.pk) for job in jobs)
    assert len(attempts) == 1
    answers[0] = True
    _until_not_silent()
    enqueue.send(jobs[0].pk)
    assert len(attempts) == 2
