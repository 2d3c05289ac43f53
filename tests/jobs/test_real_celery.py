"""With real redis, Celery worker processes and beat: nothing is lost, nothing runs twice, whoever dies."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.jobs.lab.installation import Installation

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("lab"), database_url=os.environ.get("KVMWEB_LAB_DATABASE_URL", ""))
    try:
        yield installation.start()
    finally:
        installation.stop_all()


def test_a_job_runs_and_every_part_is_seen(lab):
    (job,) = lab.run("wait", ids=lab.run("submit"), timeout_s=10)
    assert job["state"] == "succeeded"
    seen = lab.run("seen")
    assert (seen["worker"], seen["beat"]) == (True, True)


def test_a_job_whose_worker_child_is_killed_is_done_within_60_s(lab):
    (job_id,) = lab.run("submit", args={"sleep_s": {"two": 3}})
    lab.until(lambda: len(lab.doers(job_id)) == 2, "step two runs")
    killed_at = time.monotonic()
    os.kill(int(lab.doers(job_id)[1][1]), signal.SIGKILL)
    (job,) = lab.run("wait", ids=[job_id], timeout_s=60)
    print(f"recovered {time.monotonic() - killed_at:.1f} s after SIGKILL of the child")
    assert (job["state"], job["crashes"]) == ("succeeded", 1)
    assert [step for step, *_ in lab.doers(job_id)] == ["one", "two", "two", "three"]


def test_a_job_whose_whole_worker_is_killed_is_done_within_60_s_of_its_return(lab):
    (job_id,) = lab.run("submit", args={"sleep_s": {"two": 3}})
    lab.until(lambda: len(lab.doers(job_id)) == 2, "step two runs")
    lab.stop("worker", signal.SIGKILL)
    lab.start_worker()
    started_at = time.monotonic()
    (job,) = lab.run("wait", ids=[job_id], timeout_s=60)
    print(f"recovered {time.monotonic() - started_at:.1f} s after SIGKILL of the worker and restart")
    assert (job["state"], job["crashes"]) == ("succeeded", 1)


def test_queued_jobs_survive_a_redis_that_is_killed_and_empty(lab):
    busy = lab.run("submit", count=3, args={"sleep_s": {"one": 4}})
    queued = lab.run("submit", count=5)
    lab.stop("redis", signal.SIGKILL)
    in_the_dark = lab.run("submit", count=2)
    (lab.folder / "redis.sock").unlink(missing_ok=True)
    lab.start_redis()
    started_at = time.monotonic()
    jobs = lab.run("wait", ids=busy + queued + in_the_dark, timeout_s=60)
    print(f"all done {time.monotonic() - started_at:.1f} s after redis came back")
    assert {job["state"] for job in jobs} == {"succeeded"}
    assert {job["fence"] for job in jobs} == {1}


def test_the_same_message_many_times_is_one_execution(lab):
    from kombu import Connection

    (job_id,) = lab.run("submit", args={"sleep_s": {"one": 1}})
    with Connection(f"redis+socket://{lab.folder}/redis.sock") as connection:
        from celery import Celery

        app = Celery(broker=f"redis+socket://{lab.folder}/redis.sock")
        for _ in range(20):
            app.send_task("jobs.run", args=[job_id], queue="kvmweb", connection=connection, ignore_result=True)
    (job,) = lab.run("wait", ids=[job_id], timeout_s=30)
    assert job["state"] == "succeeded"
    assert [step for step, *_ in lab.doers(job_id)] == ["one", "two", "three"]


def test_one_host_cannot_take_all_workers(lab):
    crowd = lab.run("crowd", count=4, sleep_s=5)
    slow = lab.run("wait", ids=crowd["slow"], timeout_s=60)
    (other,) = lab.run("wait", ids=[crowd["other"]], timeout_s=5)
    assert {job["state"] for job in [*slow, other]} == {"succeeded"}
    assert other["finished_at"] < min(job["finished_at"] for job in slow), "the third worker was free for it"
    began = sorted(job["started_at"] for job in slow)
    ended = sorted(job["finished_at"] for job in slow)
    assert began[2] > ended[0], "the third waited until one of the first two had ended"
    assert began[3] > ended[1]


def test_a_running_job_is_cancelled_and_undone(lab):
    (job_id,) = lab.run("submit", args={"sleep_s": {"two": 30}})
    lab.until(lambda: len(lab.doers(job_id)) == 2, "step two runs")
    lab.run("cancel", id=job_id)
    (job,) = lab.run("wait", ids=[job_id], timeout_s=5)
    assert job["state"] == "cancelled"
    assert not (lab.folder / "lab" / job_id / "one").exists()


def test_workers_web_and_watcher_writing_at_once_never_meet_a_locked_database(lab):
    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(lab.run, "hammer", seconds=8) for _ in range(2)]
        ids = [job_id for _ in range(4) for job_id in lab.run("submit", count=50)]
        jobs = lab.run("wait", ids=ids, timeout_s=60)
        results = [writer.result() for writer in writers]
    print(f"{len(jobs)} jobs beside {sum(result['writes'] for result in results)} other transactions")
    assert [text for result in results for text in result["refused"]] == []
    assert {(job["state"], job["fence"], job["crashes"]) for job in jobs} == {("succeeded", 1, 0)}
    assert "locked" not in lab.log("worker") + lab.log("beat")


def test_a_frozen_redis_costs_a_click_next_to_nothing_and_loses_no_job(lab):
    redis = lab.processes["redis"]
    redis.send_signal(signal.SIGSTOP)
    try:
        clicks = lab.run("clicks", count=20)
    finally:
        redis.send_signal(signal.SIGCONT)
    print(f"clicks with a frozen redis: median {clicks['median_ms']:.1f} ms, slowest {clicks['slowest_ms']:.0f} ms")
    assert clicks["median_ms"] < 20
    assert clicks["slowest_ms"] < 3000
    jobs = lab.run("wait", ids=clicks["ids"], timeout_s=40)
    assert {job["state"] for job in jobs} == {"succeeded"}
