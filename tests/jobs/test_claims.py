"""Many workers, one row: claims, leases and limits with real threads, each with its own database connection."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connections

from jobs import enqueue, lease, runner, transitions
from jobs.lease import LeaseKeeper
from jobs.models import Job, JobState
from jobs.services import submit
from kvmweb.errors import Busy
from tenants.actor import system_actor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_celery(monkeypatch):
    monkeypatch.setattr(enqueue, "send", lambda job_id, *, delay_s=0: True)


def together(count, work):
    """Run `work(n)` in that many threads that start at one barrier; their results."""
    barrier = threading.Barrier(count)

    def run(n):
        try:
            barrier.wait()
            return work(n)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def new_job(**fields):
    return submit(system_actor("test"), kind="test.make", title="Make a, b and c", **fields)


def test_of_many_claims_of_one_job_exactly_one_wins():
    for _ in range(10):
        job = new_job()
        leases = together(8, lambda n, job=job: transitions.claim(Job.objects.get(pk=job.pk), worker="w", slot=str(n)))
        won = [one for one in leases if one]
        assert len(won) == 1
        job.refresh_from_db()
        assert (job.state, job.fence, job.lease_owner) == (JobState.RUNNING, 1, won[0].owner)


def test_the_same_message_to_many_workers_is_one_execution(world):
    world.during["a"] = lambda context: time.sleep(0.05)
    job = new_job()
    together(6, lambda n: runner.run(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert world.done == ["a", "b", "c"]


def test_claims_at_once_never_exceed_the_limit_per_host():
    for _ in range(5):
        host_id = uuid4()
        jobs = [new_job(host_id=host_id) for _ in range(8)]
        leases = together(8, lambda n, jobs=jobs: transitions.claim(jobs[n], worker="w", slot=str(n), per_host=2))
        assert sum(one is not None for one in leases) == 2
        assert Job.objects.filter(host_id=host_id, state=JobState.RUNNING).count() == 2
        assert Job.objects.filter(host_id=host_id, sent_at__isnull=True).count() == 6, "the others wait for a place"


def test_a_free_place_on_a_host_goes_to_the_oldest_job_turned_away(world, monkeypatch, settings):
    settings.CELERY_WORKER_CONCURRENCY = 2
    sent = []
    monkeypatch.setattr(enqueue, "send", lambda job_id, *, delay_s=0: sent.append(job_id) or True)
    host_id = uuid4()
    first, second, third = (new_job(host_id=host_id) for _ in range(3))
    sent.clear()

    def others_come(context):
        if context.job_id == first.pk:
            runner.run(third.pk)
            runner.run(second.pk)

    world.during["b"] = others_come
    runner.run(first.pk)
    assert sent == [second.pk]
    assert {job.state for job in Job.objects.filter(pk__in=[second.pk, third.pk])} == {JobState.QUEUED}


def test_of_two_clicks_at_once_the_second_is_told_that_the_first_runs():
    for _ in range(10):
        key = f"guest:{uuid4()}"

        def click(n, key=key):
            try:
                return new_job(exclusive_key=key)
            except Busy as busy:
                return busy

        answers = together(4, click)
        assert sum(isinstance(answer, Job) for answer in answers) == 1
        assert sum(isinstance(answer, Busy) for answer in answers) == 3


def test_the_lease_is_renewed_while_a_step_blocks(monkeypatch):
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    job = new_job()
    held = transitions.claim(job, worker="w", slot="1")
    Job.objects.filter(pk=job.pk).update(lease_expires_at=transitions.in_seconds(1))
    before = Job.objects.get(pk=job.pk).lease_expires_at
    with LeaseKeeper(held) as keeper:
        time.sleep(0.4)
        assert not keeper.is_lost
    assert (Job.objects.get(pk=job.pk).lease_expires_at - before).total_seconds() > 10


def test_the_keeper_notices_that_another_worker_has_the_job(monkeypatch):
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    job = new_job()
    held = transitions.claim(job, worker="w", slot="1")
    with LeaseKeeper(held) as keeper:
        Job.objects.filter(pk=job.pk).update(fence=7)
        time.sleep(0.3)
        assert keeper.is_lost


def test_the_keeper_gives_up_when_the_database_cannot_be_told_in_time(monkeypatch):
    from django.db import OperationalError

    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    monkeypatch.setattr(lease, "RETRY_S", 0.05)
    monkeypatch.setattr(lease, "LEASE_S", 0.2)

    def fail(held):
        raise OperationalError("the database is away")

    job = new_job()
    held = transitions.claim(job, worker="w", slot="1")
    monkeypatch.setattr(transitions, "renew", fail)
    with LeaseKeeper(held) as keeper:
        assert not keeper.is_lost
        time.sleep(0.4)
        assert keeper.is_lost


def test_a_recovered_job_is_taken_once_by_many_sweepers():
    from jobs import sweeper

    job = new_job()
    transitions.claim(job, worker="w", slot="1")
    Job.objects.filter(pk=job.pk).update(lease_expires_at=transitions.in_seconds(-1))
    together(4, lambda n: sweeper._recover_lost())
    job.refresh_from_db()
    assert (job.state, job.crashes) == (JobState.QUEUED, 1)


def test_a_job_cancelled_before_it_began_does_not_wait_for_a_place_on_its_host(world, operator_actor, settings):
    from jobs.services import cancel_job

    settings.CELERY_WORKER_CONCURRENCY = 2
    host_id = uuid4()
    running, waiting = new_job(host_id=host_id), new_job(host_id=host_id)
    transitions.claim(running, worker=lease.worker_name(), slot="1")
    runner.run(waiting.pk)
    cancel_job(operator_actor, waiting)
    runner.run(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == JobState.CANCELLED
