"""Starting, cancelling and retrying jobs: one active job per key, plain refusals, the gate."""

from __future__ import annotations

import pytest

from hypervisor.errors import Refused
from jobs import enqueue, transitions
from jobs import workflow as registry
from jobs.models import Job, JobState
from jobs.payload import job_payload
from jobs.selectors import active_jobs_for, job_for, job_list
from jobs.services import cancel_job, retry_job
from jobs.testing import run_inline
from kvmweb.errors import Busy, Conflict, NotAllowed, NotFound, QuotaExceeded
from tenants.models import Quota
from tenants.quota import usage_of


@pytest.fixture
def sent(monkeypatch):
    """Ids given to Celery."""
    sent = []
    monkeypatch.setattr(enqueue, "send", lambda job_id, *, delay_s=0: sent.append(job_id) or True)
    return sent


def test_the_second_job_on_a_guest_is_refused_and_told_what_runs_and_since_when(world, submit_job, tenant, member_actor, make_guest):
    guest = make_guest()
    fields = {"title": "Start guest web-1", "target": guest, "tenant": tenant, "exclusive_key": f"guest:{guest.pk}"}
    first = submit_job(member_actor, **fields)
    transitions.claim(first, worker="w", slot="1")
    with pytest.raises(Busy) as refusal:
        submit_job(member_actor, **fields)
    assert refusal.value.message == 'Guest "web-1" is busy: "Start guest web-1" has been running for 1 s.'
    assert refusal.value.details["job"]["id"] == str(first.pk)


def test_somebody_who_may_not_see_the_running_job_is_not_shown_it(world, submit_job, tenant, member_actor, stranger_actor):
    submit_job(member_actor, tenant=tenant, exclusive_key="image:1")
    with pytest.raises(Busy) as refusal:
        submit_job(stranger_actor, exclusive_key="image:1")
    assert refusal.value.details == {}


def test_a_finished_job_frees_its_key(world, submit_job):
    run_inline(submit_job(exclusive_key="guest:1"))
    assert submit_job(exclusive_key="guest:1").state == JobState.QUEUED


def test_a_job_that_needs_attention_keeps_its_key(world, submit_job):
    world.raising["b"] = Refused("no")
    world.raising_in_undo["b"] = Refused("no")
    run_inline(submit_job(exclusive_key="guest:1"))
    with pytest.raises(Busy, match="could not be undone completely"):
        submit_job(exclusive_key="guest:1")


def test_the_id_goes_to_celery_after_commit_only(world, submit_job, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        job = submit_job()
        assert sent == []
    assert sent == [job.pk]


def test_a_quota_of_running_jobs_is_kept(world, submit_job, tenant, member_actor):
    Quota.objects.create(tenant=tenant, running_jobs=1)
    first = submit_job(member_actor, tenant=tenant)
    with pytest.raises(QuotaExceeded) as refusal:
        submit_job(member_actor, tenant=tenant)
    assert refusal.value.details["running"] == [{"id": str(first.pk), "title": first.title, "state": "queued"}]
    assert first.title in refusal.value.message
    run_inline(first)
    submit_job(member_actor, tenant=tenant)


def test_jobs_of_the_product_itself_neither_count_nor_wait_for_the_quota(world, submit_job, tenant, member_actor):
    Quota.objects.create(tenant=tenant, running_jobs=1)
    submit_job(tenant=tenant)
    submit_job(member_actor, tenant=tenant)
    submit_job(tenant=tenant)
    assert usage_of(tenant.pk)["running_jobs"] == 1


def test_a_job_over_others_does_not_count(world, submit_job, tenant, member_actor, monkeypatch):
    Quota.objects.create(tenant=tenant, running_jobs=1)
    monkeypatch.setitem(registry._registered, "test.many", registry.Registration("", is_counted=False))
    parent = submit_job(member_actor, tenant=tenant, kind="test.many")
    submit_job(member_actor, tenant=tenant, parent=parent)
    assert usage_of(tenant.pk)["running_jobs"] == 1


def test_an_undo_that_goes_on_does_not_count(world, submit_job, tenant, member_actor, operator_actor):
    """It begins again by itself when its host is back: there is nobody to refuse."""
    Quota.objects.create(tenant=tenant, running_jobs=1)
    world.raising["b"] = Refused("no")
    world.raising_in_undo["a"] = Refused("no")
    stuck = run_inline(submit_job(member_actor, tenant=tenant))
    submit_job(member_actor, tenant=tenant)
    assert retry_job(operator_actor, stuck).state == JobState.QUEUED
    assert usage_of(tenant.pk)["running_jobs"] == 1


def test_a_queued_job_is_cancelled_without_doing_anything(world, submit_job, operator_actor):
    job = submit_job()
    assert cancel_job(operator_actor, job).state == JobState.CANCELLING
    job = run_inline(job)
    assert (job.state, job.error) == (JobState.CANCELLED, None)
    assert world.done == []
    assert world.ended == ["failure"]


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_a_job_is_cancelled_inside_any_step_and_undone(name, world, submit_job, operator_actor):
    def cancel(context):
        cancel_job(operator_actor, Job.objects.get(pk=context.job_id))
        context.sleep(0.6)

    world.during[name] = cancel
    job = run_inline(submit_job())
    assert (job.state, job.error) == (JobState.CANCELLED, None)
    assert world.things == set()


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_job_is_cancelled_between_steps(name, world, submit_job, operator_actor):
    world.during[name] = lambda context: cancel_job(operator_actor, Job.objects.get(pk=context.job_id))
    assert run_inline(submit_job()).state == JobState.CANCELLED
    assert world.things == set()


def test_a_cancel_after_the_last_step_is_too_late(world, submit_job, operator_actor):
    world.during["c"] = lambda context: cancel_job(operator_actor, Job.objects.get(pk=context.job_id))
    assert run_inline(submit_job()).state == JobState.SUCCEEDED
    assert world.things == {"a", "b", "c"}


def test_a_call_that_fails_because_it_was_broken_off_counts_as_cancelled(world, submit_job, operator_actor):
    def cancel(context):
        cancel_job(operator_actor, Job.objects.get(pk=context.job_id))
        raise Refused("the stream was closed")

    world.during["b"] = cancel
    job = run_inline(submit_job())
    assert (job.state, job.error) == (JobState.CANCELLED, None)


def test_what_is_over_or_being_undone_cannot_be_cancelled(world, submit_job, operator_actor):
    done = run_inline(submit_job())
    with pytest.raises(Conflict, match="succeeded"):
        cancel_job(operator_actor, done)
    undoing = submit_job()
    transitions.begin_undo(transitions.claim(undoing, worker="w", slot="1"), {"code": "x"})
    undoing.refresh_from_db()
    with pytest.raises(Conflict, match="undone already"):
        cancel_job(operator_actor, undoing)
    assert not transitions.request_cancel(undoing.pk)


def test_a_kind_that_cannot_be_stopped_says_so(world, submit_job, operator_actor, monkeypatch):
    monkeypatch.setitem(registry._registered, "test.make", registry.Registration("x", can_cancel=False, can_retry=False))
    job = submit_job()
    with pytest.raises(Conflict, match="cannot be stopped half-way"):
        cancel_job(operator_actor, job)
    payload = job_payload(job, operator_actor)
    assert (payload["can_cancel"], payload["why_not_cancel"]) == (False, "This kind of job cannot be stopped half-way.")


def test_a_failed_job_is_tried_again_as_a_new_job_with_the_same_args_and_key(world, submit_job, operator_actor, tenant):
    world.raising["b"] = Refused("no")
    failed = run_inline(submit_job(args={"x": 1}, exclusive_key="guest:1", tenant=tenant))
    world.raising.clear()
    again = retry_job(operator_actor, failed)
    assert again.pk != failed.pk
    assert (again.args, again.exclusive_key, again.retry_of_id, again.tenant) == ({"x": 1}, "guest:1", failed.pk, tenant)
    with pytest.raises(Busy):
        retry_job(operator_actor, failed)
    assert run_inline(again).state == JobState.SUCCEEDED


def test_a_job_that_needs_attention_goes_on_undoing(world, submit_job, operator_actor):
    world.raising["b"] = Refused("no")
    world.raising_in_undo["a"] = Refused("in use")
    stuck = run_inline(submit_job())
    world.raising_in_undo.clear()
    assert retry_job(operator_actor, stuck).pk == stuck.pk
    assert run_inline(stuck).state == JobState.FAILED
    assert world.things == set()


def test_a_cancel_whose_undo_failed_ends_cancelled_after_the_retry(world, submit_job, operator_actor):
    world.during["b"] = lambda context: cancel_job(operator_actor, Job.objects.get(pk=context.job_id))
    world.raising_in_undo["a"] = Refused("in use")
    stuck = run_inline(submit_job())
    assert stuck.state == JobState.NEEDS_ATTENTION
    world.raising_in_undo.clear()
    assert retry_job(operator_actor, stuck).state == JobState.CANCELLING
    assert run_inline(stuck).state == JobState.CANCELLED


def test_only_failed_jobs_are_tried_again(world, submit_job, operator_actor):
    with pytest.raises(Conflict, match="only a failed one"):
        retry_job(operator_actor, run_inline(submit_job()))


def test_roles_are_kept(world, submit_job, tenant, member_actor, viewer_actor, stranger_actor):
    job = submit_job(member_actor, tenant=tenant)
    with pytest.raises(NotAllowed):
        cancel_job(viewer_actor, job)
    with pytest.raises(NotFound):
        cancel_job(stranger_actor, job)
    with pytest.raises(NotFound):
        job_for(stranger_actor, job.pk)
    assert list(job_list(stranger_actor)) == []
    assert [row.pk for row in job_list(member_actor, states=["queued"], search="a, b")] == [job.pk]
    payload = job_payload(job, viewer_actor)
    assert not payload["can_cancel"]
    assert "member" in payload["why_not_cancel"]
    assert cancel_job(member_actor, job).state == JobState.CANCELLING


def test_a_job_without_a_tenant_cannot_be_cancelled_by_a_member(world, submit_job, member_actor):
    job = submit_job()
    with pytest.raises((NotFound, NotAllowed)):
        cancel_job(member_actor, job)


def test_active_jobs_are_found_by_target_in_one_query(world, submit_job, make_guest, tenant, django_assert_num_queries):
    guests = [make_guest(f"web-{n}") for n in range(3)]
    jobs = [submit_job(target=guest, tenant=tenant, exclusive_key=f"guest:{guest.pk}") for guest in guests]
    run_inline(jobs[0])
    with django_assert_num_queries(1):
        active = active_jobs_for([guest.pk for guest in guests])
        names = {job.tenant.name for job in active.values()}
    assert active == {guests[1].pk: jobs[1], guests[2].pk: jobs[2]}
    assert names == {"acme"}
