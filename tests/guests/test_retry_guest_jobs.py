"""Trying a guest's failed job again: not after the guest went to another tenant, was protected, or is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from guests.models import Guest
from guests.services.transfer import transfer_guest
from jobs.models import Job, JobState
from jobs.services import retry_job
from kvmweb.errors import Conflict
from tenants.actor import Actor
from tenants.models import Tenant, User

pytestmark = pytest.mark.django_db
KINDS = ("start", "shutdown", "reboot", "reset", "force_off", "suspend", "resume", "delete", "forget_seed")


def failed_job(guest: Guest, kind: str) -> Job:
    """As a worker leaves it."""
    args: dict[str, Any] = {"guest_id": str(guest.pk), "delete_disks": True}
    return Job.objects.create(
        kind=f"guest.{kind}",
        title=f"{kind} {guest.name}",
        state=JobState.FAILED,
        tenant=guest.tenant,
        target_type="guest",
        target_id=guest.pk,
        target_name=guest.name,
        exclusive_key=f"guest:{guest.pk}",
        args=args,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_old_tenants_people_do_nothing_to_a_guest_that_was_given_away(
    kind: str,
    make_guest: Callable[..., Guest],
    member: User,
    operator_actor: Actor,
    other_tenant: Tenant,
    api_for: Callable[..., APIClient],
) -> None:
    guest = make_guest()
    job = failed_job(guest, kind)
    transfer_guest(operator_actor, guest, other_tenant)
    answer = api_for(member).post(f"/api/v1/jobs/{job.pk}/retry/")
    assert answer.status_code == 409, answer.content
    assert "another tenant" in answer.json()["error"]["message"]
    assert "globex" not in answer.content.decode()
    with pytest.raises(Conflict, match="another tenant"):
        retry_job(operator_actor, job)
    assert list(Job.objects.all()) == [job]


def test_a_guest_that_was_protected_meanwhile_is_not_deleted(make_guest: Callable[..., Guest], member_actor: Actor) -> None:
    guest = make_guest()
    job = failed_job(guest, "delete")
    Guest.objects.update(is_protected=True)
    with pytest.raises(Conflict, match="protected"):
        retry_job(member_actor, job)
    Guest.objects.update(is_protected=False)
    assert retry_job(member_actor, job).retry_of == job


def test_a_guest_that_is_gone_is_said_to_be(make_guest: Callable[..., Guest], member_actor: Actor) -> None:
    guest = make_guest()
    job = failed_job(guest, "start")
    guest.delete()
    with pytest.raises(Conflict, match="gone"):
        retry_job(member_actor, job)
