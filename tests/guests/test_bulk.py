"""One action for many guests: one job, a few at a time, with what became of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest

from guests.selectors import GuestFilter
from guests.services.bulk import MOST_UNDER_WAY, Pace, act_on_many
from guests.services.power import start_guest
from jobs.models import Job, JobItem, JobState
from jobs.services import cancel_job
from jobs.testing import run_inline
from kvmweb.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tenants.models import AuditEntry, Membership, Quota


def states(job: Job) -> list[str]:
    return list(JobItem.objects.filter(job=job).values_list("state", flat=True))


def work_on(job: Job) -> Job:
    """The job, and between its looks those it began, until it is over."""
    for _ in range(50):
        job = run_inline(job)
        if not job.is_active:
            return job
        Job.objects.filter(pk=job.pk).update(not_before=None)
        for child in Job.objects.filter(parent=job, state=JobState.QUEUED):
            run_inline(child)
    raise AssertionError("It does not end.")


def test_all_are_started_and_the_job_says_so(real_guest, member_actor) -> None:
    guests = [real_guest(f"g{number}") for number in range(5)]
    job = work_on(act_on_many(member_actor, "start", ids=[guest.pk for guest in guests], pace=Pace(parallel=2)))
    assert (job.state, job.outcome) == ("succeeded", "Done with all 5 guests.")
    assert states(job) == ["done"] * 5
    for guest in guests:
        guest.refresh_from_db()
        assert guest.state == "running"


def test_only_so_many_run_at_a_time(real_guest, member_actor) -> None:
    guests = [real_guest(f"g{number}") for number in range(5)]
    job = run_inline(act_on_many(member_actor, "start", ids=[guest.pk for guest in guests], pace=Pace(parallel=2)))
    assert Counter(states(job)) == {"running": 2, "pending": 3}
    assert Job.objects.filter(parent=job, kind="guest.start").count() == 2


def test_those_that_cannot_are_named_and_the_others_done(real_guest, member_actor) -> None:
    off, on = real_guest("off"), real_guest("on", state="running")
    job = work_on(act_on_many(member_actor, "start", ids=[on.pk, off.pk]))
    assert (job.state, states(job)) == ("failed", ["failed", "done"])
    assert "Done with 1 of 2 guests. Not: on." in job.error["message"]


def test_when_none_can_there_is_no_job(make_guest, member_actor) -> None:
    guest = make_guest(state="running")
    with pytest.raises(Conflict, match="running already"):
        act_on_many(member_actor, "start", ids=[guest.pk])
    assert not Job.objects.exists()


def test_the_others_wait_for_the_canary_and_stay_when_it_fails(real_guest, machine, member_actor) -> None:
    guests = [real_guest(f"g{number}") for number in range(4)]
    job = run_inline(act_on_many(member_actor, "start", ids=[guest.pk for guest in guests], pace=Pace(canary=1)))
    assert Counter(states(job)) == {"running": 1, "pending": 3}
    del machine.guests[guests[0].uuid]
    job = work_on(job)
    assert (job.state, states(job)) == ("failed", ["failed", "skipped", "skipped", "skipped"])


def test_no_more_are_begun_after_so_many_failures(real_guest, machine, member_actor) -> None:
    guests = [real_guest(f"g{number}") for number in range(4)]
    job = act_on_many(member_actor, "start", ids=[guest.pk for guest in guests], pace=Pace(parallel=1, stop_on_errors=1))
    del machine.guests[guests[1].uuid]
    assert states(work_on(job)) == ["done", "failed", "skipped", "skipped"]


def test_cancel_stops_it_and_what_it_began(real_guest, member_actor) -> None:
    guests = [real_guest(f"g{number}") for number in range(3)]
    job = run_inline(act_on_many(member_actor, "start", ids=[guest.pk for guest in guests], pace=Pace(parallel=1)))
    cancel_job(member_actor, job)
    child = Job.objects.get(parent=job)
    assert child.state == JobState.CANCELLING
    run_inline(child)
    job = work_on(Job.objects.get(pk=job.pk))
    assert (job.state, states(job)) == ("cancelled", ["failed", "skipped", "skipped"])


def test_who_lost_the_role_meanwhile_begins_nothing(real_guest, member, member_actor) -> None:
    job = act_on_many(member_actor, "start", ids=[real_guest().pk])
    Membership.objects.filter(user=member).update(role="viewer")
    job = work_on(job)
    assert (job.state, states(job)) == ("failed", ["failed"])
    assert not Job.objects.filter(kind="guest.start").exists()


def test_a_full_quota_of_jobs_makes_the_rest_wait_their_turn(real_guest, tenant, member_actor) -> None:
    guests = [real_guest(f"g{number}") for number in range(3)]
    Quota.objects.update_or_create(tenant=tenant, defaults={"running_jobs": 2})
    job = work_on(act_on_many(member_actor, "start", ids=[guest.pk for guest in guests]))
    assert states(job) == ["done", "done", "done"]


def test_strangers_viewers_and_mixed_tenants(
    make_guest, other_tenant, member, member_actor, viewer_actor, stranger_actor, operator_actor
) -> None:
    ours, theirs = make_guest("a"), make_guest("b", tenant=other_tenant)
    with pytest.raises(NotFound):
        act_on_many(stranger_actor, "start", ids=[ours.pk, uuid4()])
    with pytest.raises(NotAllowed, match="member"):
        act_on_many(viewer_actor, "start", ids=[ours.pk])
    Membership.objects.create(user=member, tenant=other_tenant, role="member")
    from tenants.actor import actor_for

    with pytest.raises(InvalidInput, match="one tenant"):
        act_on_many(actor_for(member), "start", ids=[ours.pk, theirs.pk])
    assert act_on_many(operator_actor, "start", ids=[ours.pk, theirs.pk]).tenant is None


def test_a_filter_finds_them_and_busy_ones_are_refused(make_guest, member_actor) -> None:
    web, _db = make_guest("web-1"), make_guest("db-1")
    make_guest("web-2")
    start_guest(member_actor, web)
    job = act_on_many(member_actor, "start", wanted=GuestFilter(search="web"))
    assert dict(JobItem.objects.filter(job=job).values_list("target_name", "state")) == {"web-1": "failed", "web-2": "pending"}


def test_the_trail_of_each_guest_says_where_it_was_asked_for_and_with_which_token(real_guest, member_actor) -> None:
    guests = [real_guest(f"g{number}") for number in range(2)]
    asker = replace(member_actor, address="192.0.2.7", request_id="request-of-the-click", token="ci (kvmw_abc)")
    run_inline(act_on_many(asker, "start", ids=[guest.pk for guest in guests]))
    entries = AuditEntry.objects.filter(operation="guest.start", outcome="done")
    assert [(entry.address, entry.request_id, entry.details["token"]) for entry in entries] == [
        ("192.0.2.7", "request-of-the-click", "ci (kvmw_abc)")
    ] * 2


def test_a_tenant_has_only_so_many_under_way(make_guest, tenant, member_actor) -> None:
    guest = make_guest()
    Job.objects.bulk_create(Job(kind="guest.bulk", title="x", tenant=tenant) for _ in range(MOST_UNDER_WAY))
    with pytest.raises(Conflict, match="under way in acme"):
        act_on_many(member_actor, "start", ids=[guest.pk])
    Job.objects.filter(pk=Job.objects.first().pk).update(state=JobState.SUCCEEDED)
    act_on_many(member_actor, "start", ids=[guest.pk])
