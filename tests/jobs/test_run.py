"""A job goes forwards through its steps, or backwards through those that started."""

from __future__ import annotations

from uuid import UUID

import pytest

from hypervisor.errors import Refused
from jobs import transitions
from jobs.models import Job, JobLogLine, JobState, StepState
from jobs.payload import job_payload
from jobs.testing import WorkerDied, lose_worker, run_inline
from jobs.workflow import LeaseLost
from kvmweb.errors import NoCapacity


def states(job: Job) -> list[str]:
    return [str(row.state) for row in job.steps.order_by("position")]


def test_steps_run_in_order_and_the_job_succeeds(world, submit_job):
    job = run_inline(submit_job())
    assert (job.state, job.progress, job.lease_owner) == (JobState.SUCCEEDED, 1.0, "")
    assert world.done == ["a", "b", "c"]
    assert states(job) == ["done"] * 3
    assert world.ended == ["success"]
    assert job.started_at is not None
    assert job.finished_at is not None


def test_a_later_step_sees_the_results_of_earlier_ones(world, submit_job):
    seen = {}
    world.during["c"] = lambda context: seen.update(context.results)
    run_inline(submit_job())
    assert seen == {"a": {"made": "a"}, "b": {"made": "b"}}


def test_a_failing_step_undoes_every_step_that_started_in_reverse(world, submit_job):
    world.raising["b"] = Refused("no")
    job = run_inline(submit_job())
    assert job.state == JobState.FAILED
    assert world.undone == ["b", "a"]
    assert states(job) == ["undone", "undone", "pending"]
    assert world.ended == ["failure"]


def test_the_hosts_own_words_go_to_operators_only(world, submit_job, tenant, member_actor, operator_actor):
    world.raising["b"] = Refused("cannot open /srv/secret")
    job = run_inline(submit_job(member_actor, tenant=tenant))
    mine, theirs = job_payload(job, member_actor)["error"], job_payload(job, operator_actor)["error"]
    assert mine["message"] == "Make b: the host refused."
    assert "secret" not in str(job_payload(job, member_actor, detail=True))
    assert "cannot open /srv/secret" in theirs["operator_text"]


def test_an_error_of_ours_keeps_its_sentence_and_hint(world, submit_job):
    world.raising["a"] = NoCapacity("Host is full.", hint="Ask for less.", details={"free_mib": 3})
    error = run_inline(submit_job()).error
    assert (error["code"], error["message"], error["hint"], error["details"]) == (
        "no_capacity",
        "Host is full.",
        "Ask for less.",
        {"free_mib": 3},
    )


def test_an_unforeseen_error_is_a_bug_with_a_reference_and_its_traceback_in_the_log_only(world, submit_job, caplog):
    world.raising["a"] = KeyError("password=hunter2")
    job = run_inline(submit_job())
    assert job.error["code"] == "bug"
    assert "hunter2" not in str(job.error)
    assert job.error["reference"] in caplog.text
    assert "Traceback" in caplog.text


def test_a_step_that_was_so_before_is_skipped_and_not_undone(world, submit_job):
    world.things.add("a")
    world.raising["b"] = Refused("no")
    job = run_inline(submit_job())
    assert states(job) == [StepState.SKIPPED, StepState.UNDONE, StepState.PENDING]
    assert world.things == {"a"}


def test_a_failing_undo_needs_attention_and_says_what_remains(world, submit_job):
    world.raising["c"] = Refused("no")
    world.raising_in_undo["b"] = Refused("still in use")
    job = run_inline(submit_job())
    assert job.state == JobState.NEEDS_ATTENTION
    assert "Not undone: Make a; Make b." in job.error["message"]
    assert job.error["cause"]["code"] == "refused_by_host"
    assert world.undone == ["c"]
    assert world.ended == []


def test_a_retried_undo_goes_on_where_it_stopped_and_ends_failed_for_the_first_reason(world, submit_job):
    world.raising["c"] = Refused("no")
    world.raising_in_undo["b"] = Refused("still in use")
    job = run_inline(submit_job())
    world.raising_in_undo.clear()
    assert transitions.resume_undo(job.pk)
    job = run_inline(job)
    assert job.state == JobState.FAILED
    assert job.error["message"].startswith("Make c:")
    assert world.undone == ["c", "b", "a"]


def test_an_on_success_that_raises_undoes_the_job(world, submit_job, monkeypatch):
    import dataclasses

    def broken(context):
        raise NoCapacity("No.")

    workflow = dataclasses.replace(world.workflow("a", "b"), on_success=broken)
    job = run_inline(submit_job(), workflow=workflow)
    assert job.state == JobState.FAILED
    assert world.things == set()


def test_after_a_crash_the_next_claim_resumes_at_the_first_step_not_done(world, submit_job):
    def die(context):
        raise WorkerDied

    world.during["b"] = die
    job = submit_job()
    with pytest.raises(WorkerDied):
        run_inline(job)
    world.during.clear()
    job = run_inline(lose_worker(job))
    assert job.state == JobState.SUCCEEDED
    assert world.done == ["a", "b", "c"], "a is not asked again, b is found done, c is done"
    assert job.crashes == 1


def test_a_job_that_kills_three_workers_is_undone(world, submit_job):
    def die(context):
        raise WorkerDied

    world.during["b"] = die
    job = submit_job()
    for _ in range(3):
        assert job.state == JobState.QUEUED
        world.things.discard("b")
        with pytest.raises(WorkerDied):
            run_inline(job)
        job = lose_worker(job)
    assert (job.state, job.is_undoing) == (JobState.QUEUED, True)
    job = run_inline(job)
    assert (job.state, job.error["code"]) == (JobState.FAILED, "worker_lost")
    assert world.things == set()


def test_an_undo_that_kills_three_workers_needs_attention(world, submit_job):
    world.raising["b"] = Refused("no")
    world.raising_in_undo["b"] = WorkerDied()
    job = submit_job()
    for _ in range(3):
        with pytest.raises(WorkerDied):
            run_inline(job)
        job = lose_worker(job)
    assert job.state == JobState.NEEDS_ATTENTION
    assert job.error["cause"]["code"] == "refused_by_host"


def test_a_worker_whose_job_was_taken_over_writes_nothing(world, submit_job):
    job = submit_job()
    old = transitions.claim(job, worker="old", slot="1")
    Job.objects.filter(pk=job.pk).update(lease_expires_at=transitions.in_seconds(-1))
    assert transitions.recover(job)
    new = transitions.claim(job, worker="new", slot="1")
    assert new.fence == old.fence + 1
    for write in (
        lambda: transitions.write(old, progress=0.9),
        lambda: transitions.finish(old, JobState.SUCCEEDED),
        lambda: transitions.begin_undo(old, None),
        lambda: transitions.wait(old, 1),
        lambda: transitions.need_attention(old, {}, retry_in_s=None),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert transitions.renew(old) is None
    transitions.write(new, progress=0.5)
    job.refresh_from_db()
    assert (job.state, job.progress) == (JobState.RUNNING, 0.5)


def test_a_taken_over_worker_stops_at_its_next_look(world, submit_job):
    def lose(context):
        Job.objects.filter(pk=context.job_id).update(fence=99, lease_owner="another")

    world.during["a"] = lose
    job = run_inline(submit_job())
    assert world.done == ["a"]
    assert (job.lease_owner, job.state) == ("another", JobState.RUNNING)
    assert states(job) == ["running", "pending", "pending"]


def test_log_lines_are_one_line_each(world, submit_job):
    world.during["a"] = lambda context: context.log("two\nlines\x1b[31m")
    job = run_inline(submit_job())
    assert JobLogLine.objects.get(job=job).text == "two\\nlines\\x1b[31m"


def test_an_unknown_kind_fails_plainly(db, submit_job):
    job = run_inline(submit_job(kind="no.such"))
    assert (job.state, job.error["code"]) == (JobState.FAILED, "bug")


def test_a_kind_that_is_gone_after_an_update_keeps_what_was_begun_visible(world, submit_job, monkeypatch):
    def die(context):
        raise WorkerDied

    world.during["b"] = die
    job = submit_job()
    with pytest.raises(WorkerDied):
        run_inline(job)
    monkeypatch.setattr("jobs.runner.workflow_for", lambda kind: {}[kind])
    assert run_inline(lose_worker(job)).state == JobState.NEEDS_ATTENTION


def test_details_that_json_does_not_know_do_not_lose_the_error(world, submit_job):
    world.raising["a"] = NoCapacity("Full.", details={"ids": {UUID(int=1)}, UUID(int=2): 1})
    job = run_inline(submit_job())
    assert (job.state, job.error["message"]) == (JobState.FAILED, "Full.")
