"""Taking hosts off the list: those that answer, and those that never will again."""

from __future__ import annotations

import pytest

from guests.models import Guest
from hosts.models import Host
from hosts.removal import forget_host, remove_host
from hypervisor import fake
from hypervisor.specs import PoolSpec, VolumeSpec
from jobs.models import Job
from jobs.services import retry_job
from jobs.testing import run_inline
from kvmweb.errors import Conflict, InvalidInput, NotAllowed
from storage.models import Volume

pytestmark = pytest.mark.django_db


@pytest.fixture
def cached_copy(host, pool, image) -> Volume:
    """A copy of an image in the host's pool, as the first guest made from it leaves it."""
    connection = fake.connect(host.hypervisor_address)
    connection.ensure_pool(PoolSpec(pool.name, pool.path))
    connection.create_volume(pool.name, VolumeSpec("base-1.qcow2", 1024))
    return Volume.objects.create(pool=pool, image=image, name="base-1.qcow2", purpose="base", state="ready", format="qcow2")


def make_unreachable(host: Host) -> None:
    Host.objects.filter(pk=host.pk).update(state="unreachable")
    host.refresh_from_db()


def test_a_host_with_guests_stays(operator_actor, host, make_guest):
    make_guest()
    with pytest.raises(Conflict, match=r"1 guest\."):
        remove_host(operator_actor, host)
    assert Host.objects.exists()


def test_a_host_with_disks_of_ours_stays(operator_actor, host, make_guest):
    make_guest().delete()
    with pytest.raises(Conflict, match="1 volume "):
        remove_host(operator_actor, host)


def test_a_host_a_job_works_on_stays(operator_actor, host):
    Job.objects.create(kind="guest.create", title="Create", host_id=host.pk)
    with pytest.raises(Conflict, match="Jobs work"):
        remove_host(operator_actor, host)


def test_an_empty_host_goes_with_its_pools_and_networks(operator_actor, host, pool, network):
    assert remove_host(operator_actor, host) is None
    assert not Host.objects.exists()


def test_cached_copies_are_deleted_there_first(operator_actor, host, cached_copy):
    job = remove_host(operator_actor, host)
    host.refresh_from_db()
    assert (host.state, host.is_enabled) == ("disabled", False)
    address, pool = host.hypervisor_address, cached_copy.pool.name
    job = run_inline(job)
    assert job.state == "succeeded", job.error
    assert not Host.objects.exists()
    assert not Volume.objects.exists()
    assert fake.connect(address).volumes(pool) == []


def test_with_copies_on_a_host_that_is_away_it_says_what_to_do(operator_actor, host, cached_copy):
    make_unreachable(host)
    with pytest.raises(Conflict, match="copies of images") as refused:
        remove_host(operator_actor, host)
    assert "forget" in refused.value.hint


def test_a_guest_that_came_meanwhile_keeps_the_host(operator_actor, host, cached_copy, make_guest):
    job = remove_host(operator_actor, host)
    make_guest()
    assert run_inline(job).state == "failed"
    assert Host.objects.exists()


def test_copies_that_guests_stand_on_by_now_are_not_deleted_by_a_retry(operator_actor, host, cached_copy, make_guest):
    job = remove_host(operator_actor, host)
    make_guest()
    Volume.objects.filter(purpose="disk").update(backing=cached_copy)
    failed = run_inline(job)
    assert failed.state == "failed"
    assert run_inline(retry_job(operator_actor, failed)).state == "failed"
    assert cached_copy.name in fake.machine(host.hypervisor_address).pools["default"].volumes
    assert Volume.objects.filter(pk=cached_copy.pk).exists()


def test_a_host_that_was_enabled_again_keeps_its_copies(operator_actor, host, cached_copy):
    job = remove_host(operator_actor, host)
    Host.objects.update(is_enabled=True, state="up")
    assert run_inline(job).state == "failed"
    assert cached_copy.name in fake.machine(host.hypervisor_address).pools["default"].volumes


# -- forgetting ---------------------------------------------------------------------------------------------------------------------
def test_a_host_that_is_gone_is_forgotten_and_what_it_held_is_named(operator_actor, host, cached_copy):
    make_unreachable(host)
    left = forget_host(operator_actor, host, confirm_name="h1")
    assert (left.guests, left.volumes) == ([], ["default/base-1.qcow2"])
    assert not Host.objects.exists()
    assert not Volume.objects.exists()


def test_its_guests_are_forgotten_only_when_that_is_said(operator_actor, host, cached_copy, make_guest):
    guest = make_guest("web-1")
    Volume.objects.filter(guest_disks__guest=guest).update(backing=cached_copy)
    make_unreachable(host)
    with pytest.raises(Conflict, match="web-1"):
        forget_host(operator_actor, host, confirm_name="h1")
    left = forget_host(operator_actor, host, confirm_name="h1", with_guests=True)
    assert left.guests == ["web-1"]
    assert len(left.volumes) == 2
    assert not Guest.objects.exists()
    assert not Host.objects.exists()


def test_jobs_that_wait_for_it_are_over_and_one_that_runs_is_waited_for(operator_actor, host):
    make_unreachable(host)
    job = Job.objects.create(kind="guest.delete", title="Delete", host_id=host.pk, lease_owner="w/1", state="running")
    with pytest.raises(Conflict, match="worker is busy"):
        forget_host(operator_actor, host, confirm_name="h1")
    Job.objects.filter(pk=job.pk).update(state="queued", lease_owner="")
    forget_host(operator_actor, host, confirm_name="h1")
    job.refresh_from_db()
    assert (job.state, job.outcome) == ("cancelled", "Its host was taken off the list.")


def test_a_host_that_answers_is_not_forgotten_and_the_name_is_asked(operator_actor, owner_actor, host):
    with pytest.raises(Conflict, match="answers"):
        forget_host(operator_actor, host, confirm_name="h1")
    make_unreachable(host)
    with pytest.raises(InvalidInput, match="Type the name"):
        forget_host(operator_actor, host, confirm_name="h2")
    with pytest.raises(NotAllowed):
        forget_host(owner_actor, host, confirm_name="h1")
