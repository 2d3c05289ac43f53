"""Deleting guests: what goes, what stays, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from guests.models import CloudInit, Guest
from guests.requests import CloudInitRequest, CreateGuest
from guests.services.create import create_guests
from guests.services.delete import delete_guest
from hypervisor.errors import HostUnreachable
from hypervisor.fake import FakeMachine
from jobs.models import Job, JobState
from jobs.services import retry_job
from jobs.testing import assert_every_step_twice, assert_survives_a_lost_worker, run_inline
from kvmweb.errors import Busy, Conflict, InvalidInput, NotAllowed, NotFound
from storage.models import Volume
from storage.services.volumes import delete_volume
from tenants.quota import usage_of


@pytest.fixture
def running(machine: FakeMachine, image, tenant, member_actor) -> Guest:
    """Made as people make them: an overlay on the image's base, a seed, running."""
    login = CloudInitRequest(user="mia")
    made = create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256, disk_gib=2, cloud_init=login))
    assert run_inline(made.job).state == JobState.SUCCEEDED
    return Guest.objects.get()


def test_running_guest_goes_with_its_disks_and_login_data_and_the_base_stays(running, machine: FakeMachine, member_actor, tenant) -> None:
    job = run_inline(delete_guest(member_actor, running, delete_disks=True, confirm_name="web"))
    assert job.state == JobState.SUCCEEDED, job.error
    assert machine.guests == {}
    assert [volume.purpose for volume in Volume.objects.all()] == ["base"]
    assert set(machine.pools["default"].volumes) == {Volume.objects.get().name}
    assert not Guest.objects.exists()
    assert not CloudInit.objects.exists()
    assert usage_of(tenant.pk)["disk_gib"] == 0


def test_disks_that_are_kept_belong_to_the_tenant_and_count(running, machine: FakeMachine, member_actor, tenant) -> None:
    run_inline(delete_guest(member_actor, running, delete_disks=False))
    assert sorted(volume.purpose for volume in Volume.objects.all()) == ["base", "disk"]
    kept = Volume.objects.get(purpose="disk")
    assert (kept.tenant, kept.guest_disks.count()) == (tenant, 0)
    assert kept.name in machine.pools["default"].volumes
    assert usage_of(tenant.pk)["disk_gib"] == 2
    job = run_inline(delete_volume(member_actor, kept))
    assert job.state == JobState.SUCCEEDED, job.error
    assert kept.name not in machine.pools["default"].volumes
    assert not Volume.objects.filter(purpose="disk").exists()


def test_disk_of_a_guest_cannot_be_deleted_by_itself(running, member_actor, stranger_actor, viewer_actor) -> None:
    disk = Volume.objects.get(purpose="disk")
    with pytest.raises(Conflict, match="It is a disk of guest web"):
        delete_volume(member_actor, disk)
    with pytest.raises(NotFound):
        delete_volume(stranger_actor, disk)
    with pytest.raises(NotAllowed):
        delete_volume(viewer_actor, disk)


def test_protected_guest_is_kept(running, member_actor) -> None:
    Guest.objects.update(is_protected=True)
    with pytest.raises(Conflict, match="is protected"):
        delete_guest(member_actor, running, delete_disks=True)


def test_wrong_confirmation_is_refused(running, member_actor) -> None:
    with pytest.raises(InvalidInput, match="Type the name of the guest: web"):
        delete_guest(member_actor, running, delete_disks=True, confirm_name="wep")


def test_stranger_gets_404_and_viewer_403(running, stranger_actor, viewer_actor) -> None:
    with pytest.raises(NotFound):
        delete_guest(stranger_actor, running, delete_disks=True)
    with pytest.raises(NotAllowed):
        delete_guest(viewer_actor, running, delete_disks=True)


def test_guest_being_created_is_busy(image, tenant, member_actor, machine: FakeMachine) -> None:
    made = create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256))
    with pytest.raises(Busy):
        delete_guest(member_actor, made.guests[0], delete_disks=True)


def test_second_delete_is_busy(running, member_actor) -> None:
    delete_guest(member_actor, running, delete_disks=True)
    with pytest.raises(Busy):
        delete_guest(member_actor, running, delete_disks=True)


def test_missing_guest_can_be_deleted(running, machine: FakeMachine, member_actor) -> None:
    machine.guests.clear()
    machine.pools["default"].volumes.clear()
    Guest.objects.update(is_missing=True)
    assert run_inline(delete_guest(member_actor, running, delete_disks=True)).state == JobState.SUCCEEDED
    assert not Guest.objects.exists()


@pytest.mark.parametrize("delete_disks", [True, False])
def test_steps_may_run_twice_and_lose_their_worker(delete_disks, running, machine: FakeMachine, member_actor) -> None:
    def make() -> Job:
        return delete_guest(member_actor, running, delete_disks=delete_disks)

    assert_every_step_twice(make, machine)
    assert_survives_a_lost_worker(make, machine)


def test_delete_that_stopped_half_way_keeps_the_row_and_goes_on_with_a_retry(
    running, machine: FakeMachine, member_actor, monkeypatch: Any
) -> None:
    job = delete_guest(member_actor, running, delete_disks=True)
    machine.faults.fail("delete_volume", RuntimeError("disk on fire"))
    failed = run_inline(job)
    assert failed.state == JobState.FAILED
    assert Guest.objects.exists()
    assert run_inline(retry_job(member_actor, failed)).state == JobState.SUCCEEDED
    assert not Guest.objects.exists()


def test_delete_waits_for_a_host_that_is_away(running, machine: FakeMachine, member_actor) -> None:
    machine.faults.fail("guest_state", HostUnreachable("gone"))
    job = run_inline(delete_guest(member_actor, running, delete_disks=True))
    assert job.state == JobState.QUEUED
    assert run_inline(job, through_waits=True).state == JobState.SUCCEEDED
