"""Trying the delete of a disk again: only while it still belongs to nobody's guest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guests.models import Guest, GuestDisk
from jobs.models import Job, JobState
from jobs.services import retry_job
from kvmweb.errors import Conflict
from storage.models import Volume
from tenants.actor import Actor
from tenants.models import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(make_guest: Callable[..., Guest], tenant: Tenant) -> Job:
    make_guest()
    args = {"volume_id": str(Volume.objects.get().pk)}
    return Job.objects.create(kind="volume.delete", title="x", state=JobState.FAILED, tenant=tenant, args=args)


def test_a_disk_that_is_a_guests_by_now_stays(failed: Job, member_actor: Actor) -> None:
    with pytest.raises(Conflict, match="It is a disk of guest web-1"):
        retry_job(member_actor, failed)


def test_a_disk_of_another_tenant_stays(failed: Job, member_actor: Actor, other_tenant: Tenant) -> None:
    GuestDisk.objects.all().delete()
    Volume.objects.update(tenant=other_tenant)
    with pytest.raises(Conflict, match="gone"):
        retry_job(member_actor, failed)


def test_a_free_disk_is_being_deleted_again(failed: Job, member_actor: Actor) -> None:
    GuestDisk.objects.all().delete()
    assert retry_job(member_actor, failed).retry_of == failed
    assert Volume.objects.get().state == "deleting"
