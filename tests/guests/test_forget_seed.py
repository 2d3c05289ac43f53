"""Login data lives until the first boot is over, and no longer: not on the host, not with us."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from guests.models import CloudInit, Guest
from guests.requests import CloudInitRequest, CreateGuest
from guests.services.create import create_guests
from guests.services.power import force_off_guest
from guests.services.seed import forget_due_seeds, is_due
from hypervisor import fake
from hypervisor.fake import FakeMachine
from jobs.models import JobState
from jobs.testing import assert_every_step_twice, assert_survives_a_lost_worker, run_inline
from storage.models import Volume

NOW = timezone.now()


@pytest.mark.parametrize(
    ("state", "minutes", "expected"),
    [("running", None, False), ("running", 19, False), ("running", 20, True), ("shutoff", 4, False), ("shutoff", 5, True)],
)
def test_when_the_first_boot_is_over(state, minutes, expected) -> None:
    seen = None if minutes is None else NOW - timedelta(minutes=minutes)
    assert is_due(state=state, seen_running_at=seen, now=NOW) is expected


@pytest.fixture
def booted(machine: FakeMachine, image, tenant, member_actor) -> Guest:
    made = create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256, cloud_init=CloudInitRequest(user="mia")))
    assert run_inline(made.job).state == JobState.SUCCEEDED
    assert forget_due_seeds(now=NOW) == []
    return Guest.objects.get()


def test_after_twenty_minutes_file_drive_and_row_are_empty(booted, machine: FakeMachine) -> None:
    (job,) = forget_due_seeds(now=NOW + timedelta(minutes=20))
    assert run_inline(job).state == JobState.SUCCEEDED
    assert not CloudInit.objects.exists()
    assert not Volume.objects.filter(purpose="seed").exists()
    assert not any("seed" in name for name in machine.pools["default"].volumes)
    drive = next(disk for disk in fake.connect(booted.host.hypervisor_address).guest(booted.uuid).disks if disk.target == "sda")
    assert (drive.device, drive.path) == ("cdrom", "")
    assert booted.disks.get(target="sda").volume is None
    assert forget_due_seeds(now=NOW + timedelta(minutes=21)) == []


def test_guest_started_again_without_its_seed(booted, machine: FakeMachine, member_actor) -> None:
    run_inline(forget_due_seeds(now=NOW + timedelta(minutes=20))[0])
    run_inline(force_off_guest(member_actor, booted))
    fake.connect(booted.host.hypervisor_address).start_guest(booted.uuid)


def test_busy_guest_is_asked_again_later(booted, member_actor) -> None:
    job = force_off_guest(member_actor, booted)
    assert forget_due_seeds(now=NOW + timedelta(minutes=20)) == []
    run_inline(job)
    assert len(forget_due_seeds(now=NOW + timedelta(minutes=20))) == 1


def test_forgetting_runs_twice_and_survives(booted, machine: FakeMachine) -> None:
    def make():
        return forget_due_seeds(now=NOW + timedelta(minutes=20))[0]

    assert_every_step_twice(make, machine)
    assert_survives_a_lost_worker(make, machine)


def test_seed_whose_row_the_watcher_unplugged_already_is_deleted_too(booted, machine: FakeMachine) -> None:
    booted.disks.filter(target="sda").update(volume=None)
    run_inline(forget_due_seeds(now=NOW + timedelta(minutes=20))[0])
    assert not Volume.objects.filter(purpose="seed").exists()
    assert not any("seed" in name for name in machine.pools["default"].volumes)
