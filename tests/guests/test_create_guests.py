"""Making guests: what ends up on the host and in the rows, what is refused before anything is made, and what a failure leaves (nothing)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from guests.models import CloudInit, Guest, GuestNic
from guests.requests import CloudInitRequest, CreateGuest
from guests.services.create import create_guests
from hosts.models import Host
from hypervisor.errors import NoSpace
from hypervisor.fake import FakeMachine
from hypervisor.observed import PowerState
from jobs.models import Job, JobState
from jobs.services import cancel_job
from jobs.testing import assert_every_step_twice, assert_survives_a_lost_worker, assert_unwinds_from_every_step, run_inline
from kvmweb.errors import InvalidInput, NoCapacity, NotAllowed, NotFound, QuotaExceeded, Unavailable
from networks.models import Network
from storage.models import Image, Pool, Volume
from tenants.models import Quota
from tenants.quota import usage_of

GIB = 1024**3
KEY = "ssh-ed25519 " + "A" * 68 + " mia@laptop"


@pytest.fixture
def wanted(machine: FakeMachine, image: Image) -> CreateGuest:
    return CreateGuest(name="web", image=image, vcpus=1, memory_mib=256, disk_gib=2)


@pytest.fixture
def created(wanted: CreateGuest, tenant, member_actor) -> Callable[..., tuple[Guest, Job]]:
    def create(**changes: Any) -> tuple[Guest, Job]:
        made = create_guests(member_actor, tenant, replace(wanted, **changes))
        job = run_inline(made.job)
        assert job.state == JobState.SUCCEEDED, job.error
        guest = made.guests[0]
        guest.refresh_from_db()
        return guest, job

    return create


def test_guest_runs_with_a_thin_disk_on_the_image(created, machine: FakeMachine, image, pool) -> None:
    guest, _ = created()
    assert (guest.state, guest.desired_state) == ("running", "running")
    assert guest.domain_name == f"web-{guest.uuid.hex[:8]}"
    assert machine.guests[guest.uuid].power_state == PowerState.RUNNING
    base = Volume.objects.get(purpose="base")
    disk = guest.disks.get().volume
    assert (base.pool, base.image, base.state, base.tenant) == (pool, image, "ready", None)
    assert (disk.backing, disk.state, disk.capacity_bytes, disk.tenant) == (base, "ready", 2 * GIB, guest.tenant)
    files = machine.pools["default"].volumes
    assert set(files) == {base.name, disk.name}
    assert files[disk.name].spec.backing_path == base.path
    assert files[base.name].content[:4] == b"QFI\xfb"


def test_full_copy_stands_alone_and_is_grown(created, machine: FakeMachine) -> None:
    guest, _ = created(clone_mode="full")
    disk = guest.disks.get().volume
    file = machine.pools["default"].volumes[disk.name]
    assert disk.backing is None
    assert (file.spec.backing_path, file.capacity_bytes, file.content[:4]) == ("", 2 * GIB, b"QFI\xfb")


def test_guest_that_shall_not_start_is_shut_off(created, machine: FakeMachine) -> None:
    guest, _ = created(start=False, autostart=True)
    assert (guest.state, guest.desired_state) == ("shutoff", "shutoff")
    assert machine.guests[guest.uuid].autostart is True


def test_disk_size_left_out_is_the_image_rounded_up(created) -> None:
    guest, _ = created(disk_gib=0)
    assert guest.disk_gib == 1


def test_second_guest_of_an_image_uses_the_base_that_is_there(created, machine: FakeMachine) -> None:
    created()
    created(name="db")
    assert machine.faults.calls["upload_volume"] == 1
    assert Volume.objects.filter(purpose="base").count() == 1


def test_create_waits_without_a_worker_while_another_job_copies_the_image(
    wanted, tenant, member_actor, machine: FakeMachine, image, pool
) -> None:
    other = Job.objects.create(kind="guest.create", title="other", state=JobState.RUNNING, lease_owner="w/1", actor_label="x")
    Volume.objects.create(pool=pool, image=image, purpose="base", name="base-x.qcow2", format="qcow2", maker_job_id=other.pk)
    made = create_guests(member_actor, tenant, wanted)
    job = run_inline(made.job)
    assert (job.state, job.lease_owner) == (JobState.QUEUED, "")
    assert machine.faults.calls["upload_volume"] == 0
    Job.objects.filter(pk=other.pk).update(state=JobState.FAILED, lease_owner="")
    assert run_inline(made.job, through_waits=True).state == JobState.SUCCEEDED


def test_cut_upload_of_the_image_is_removed_with_its_row(wanted, tenant, member_actor, machine: FakeMachine) -> None:
    machine.faults.fail("upload_volume", NoSpace("No space left on device."), after_effect=True)
    before = machine.snapshot()
    job = run_inline(create_guests(member_actor, tenant, wanted).job)
    assert job.state == JobState.FAILED
    assert job.error["code"] == "no_space"
    assert machine.snapshot() == before
    assert not Volume.objects.exists()
    assert not Guest.objects.exists()


def test_base_somebody_deleted_on_the_host_is_copied_again(created, machine: FakeMachine) -> None:
    created()
    base = Volume.objects.get(purpose="base")
    del machine.pools["default"].volumes[base.name]
    created(name="db")
    assert base.name in machine.pools["default"].volumes


# -- workflow -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("clone_mode", ["overlay", "full"])
def test_every_step_may_run_twice(clone_mode, wanted, tenant, member_actor, machine: FakeMachine) -> None:
    request = replace(wanted, clone_mode=clone_mode, cloud_init=CloudInitRequest(user="mia"))
    assert_every_step_twice(lambda: create_guests(member_actor, tenant, request).job, machine)


@pytest.mark.parametrize("clone_mode", ["overlay", "full"])
def test_failure_or_cancel_at_any_step_leaves_nothing(clone_mode, created, wanted, tenant, member_actor, machine: FakeMachine) -> None:
    created(name="first")  # the base belongs to the image and stays
    request = replace(wanted, clone_mode=clone_mode, cloud_init=CloudInitRequest(user="mia"))
    assert_unwinds_from_every_step(lambda: create_guests(member_actor, tenant, request).job, machine)


def test_worker_lost_at_any_step_is_followed_by_another(wanted, tenant, member_actor, machine: FakeMachine) -> None:
    request = replace(wanted, cloud_init=CloudInitRequest(user="mia"))
    assert_survives_a_lost_worker(lambda: create_guests(member_actor, tenant, request).job, machine)


def test_cancel_before_it_began_leaves_nothing_and_returns_the_quota(wanted, tenant, member_actor, machine: FakeMachine) -> None:
    before = machine.snapshot()
    made = create_guests(member_actor, tenant, wanted)
    assert usage_of(tenant.pk)["memory_mib"] == 256
    cancel_job(member_actor, made.job)
    assert run_inline(made.job).state == JobState.CANCELLED
    assert machine.snapshot() == before
    assert usage_of(tenant.pk)["memory_mib"] == 0
    assert not Guest.objects.exists()


# -- several ------------------------------------------------------------------------------------------------------------------------
def test_several_guests_have_a_job_each_and_one_over_them(wanted, tenant, member_actor, machine: FakeMachine) -> None:
    made = create_guests(member_actor, tenant, replace(wanted, count=3))
    assert [guest.name for guest in made.guests] == ["web-1", "web-2", "web-3"]
    assert made.job.kind == "guest.create_many"
    children = list(made.job.children.order_by("target_name"))
    assert run_inline(made.job).state == JobState.QUEUED
    for child in children:
        assert run_inline(child).state == JobState.SUCCEEDED
    parent = run_inline(made.job, through_waits=True)
    assert (parent.state, parent.outcome) == (JobState.SUCCEEDED, "All 3 guests were made.")
    assert len({nic.mac for nic in GuestNic.objects.all()}) == 3


def test_one_of_several_that_fails_is_named_and_the_others_stay(wanted, tenant, member_actor, machine: FakeMachine) -> None:
    made = create_guests(member_actor, tenant, replace(wanted, count=2))
    first, second = made.job.children.order_by("target_name")
    run_inline(first)
    machine.faults.fail("define_guest", NoSpace("full"))
    run_inline(second)
    parent = run_inline(made.job, through_waits=True)
    assert parent.state == JobState.FAILED
    assert parent.error["message"] == "1 of 2 guests were made. Not made: web-2."
    assert [guest.name for guest in Guest.objects.all()] == ["web-1"]


# -- login data ---------------------------------------------------------------------------------------------------------------------
def test_login_is_on_a_seed_disk_and_kept_hashed_and_encrypted(created, machine: FakeMachine) -> None:
    guest, job = created(cloud_init=CloudInitRequest(hostname="box", user="mia", ssh_keys=(KEY,), password="open sesame"))
    seed = guest.disks.get(target="sda").volume
    content = machine.pools["default"].volumes[seed.name].content
    assert (seed.purpose, seed.format) == ("seed", "raw")
    for text in (b"cidata", b"local-hostname: box", b"name: mia", KEY.encode(), b"macaddress: " + guest.nics.get().mac.encode()):
        assert text in content
    assert b"open sesame" not in content
    stored = CloudInit.objects.filter(guest=guest).values_list("user_data", flat=True)
    assert "passwd: $6$" in stored[0]
    assert "sesame" not in str(job.args) + str(
        CreateGuest.__repr__(CreateGuest("a", guest.image, cloud_init=CloudInitRequest(password="sesame")))
    )


def test_image_with_cloud_init_always_gets_its_host_name(created, image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(has_cloud_init=True)
    image.refresh_from_db()
    guest, _ = created(image=image)
    assert guest.cloud_init.hostname == "web"
    assert guest.disks.filter(target="sda").exists()


@pytest.mark.parametrize(
    ("login", "field"),
    [
        (CloudInitRequest(hostname="-bad-"), "hostname"),
        (CloudInitRequest(user="Root User"), "user"),
        (CloudInitRequest(user="root"), "user"),
        (CloudInitRequest(ssh_keys=("not a key",)), "ssh_keys"),
        (CloudInitRequest(ssh_keys=('command="rm" ' + KEY,)), "ssh_keys"),
        (CloudInitRequest(ssh_keys=(KEY + "\n- evil: yes",)), "ssh_keys"),
        (CloudInitRequest(password="x"), "password"),
        (CloudInitRequest(user_data="hello"), "user_data"),
        (CloudInitRequest(user_data="#cloud-config\n- a list\n"), "user_data"),
        (CloudInitRequest(user_data="#cloud-config\na: [\n"), "user_data"),
        (CloudInitRequest(user_data="#cloud-config\na: &a [x,x]\nb: &b [*a,*a]\n"), "user_data"),
        (CloudInitRequest(user_data="#cloud-config\n" + "[" * 5000), "user_data"),
        (CloudInitRequest(user_data="#!/bin/sh\n" + "x" * 65536), "user_data"),
        (CloudInitRequest(user_data="#!/bin/sh\n", user="mia"), "user_data"),
    ],
)
def test_bad_login_data_is_refused_by_field(login, field, wanted, tenant, member_actor) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_guests(member_actor, tenant, replace(wanted, cloud_init=login))
    assert list(refused.value.fields) == [f"cloud_init.{field}"]
    assert not Guest.objects.exists()


def test_own_user_data_goes_to_the_guest_as_it_is(created) -> None:
    script = "#!/bin/sh\necho hello\n"
    guest, _ = created(cloud_init=CloudInitRequest(user_data=script))
    assert guest.cloud_init.user_data == script


# -- refusals -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Web"}, "name"),
        ({"name": "-web"}, "name"),
        ({"name": "web\n"}, "name"),
        ({"name": "$(id)"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"name": "x" * 62, "count": 10}, "name"),
        ({"count": 0}, "count"),
        ({"count": 51}, "count"),
        ({"vcpus": 0}, "vcpus"),
        ({"vcpus": True}, "vcpus"),
        ({"memory_mib": 63}, "memory_mib"),
        ({"disk_gib": -1}, "disk_gib"),
        ({"tags": ("A tag",)}, "tags"),
        ({"tags": tuple(f"t{n}" for n in range(21))}, "tags"),
        ({"description": "x" * 5000}, "description"),
        ({"clone_mode": "linked"}, "clone"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
    ],
)
def test_bad_input_is_refused_by_field(changes, field, wanted, tenant, member_actor) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_guests(member_actor, tenant, replace(wanted, **changes))
    assert list(refused.value.fields) == [field]
    assert not Job.objects.exists()


def test_disk_smaller_than_the_image_is_refused(wanted, tenant, member_actor, image: Image) -> None:
    image.virtual_size_bytes = 10 * GIB
    with pytest.raises(InvalidInput, match="needs at least 10 GiB"):
        create_guests(member_actor, tenant, wanted)


def test_memory_below_what_the_image_needs_is_refused(wanted, tenant, member_actor, image: Image) -> None:
    image.min_memory_mib = 512
    with pytest.raises(InvalidInput, match="needs at least 512 MiB"):
        create_guests(member_actor, tenant, wanted)


def test_image_that_is_not_ready_is_refused(wanted, tenant, member_actor, image: Image) -> None:
    image.state = "building"
    with pytest.raises(InvalidInput, match="still being made"):
        create_guests(member_actor, tenant, wanted)


def test_image_or_network_of_another_tenant_is_refused(wanted, tenant, other_tenant, member_actor, image: Image, network) -> None:
    image.tenant = other_tenant
    network.tenant = other_tenant
    with pytest.raises(InvalidInput) as refused:
        create_guests(member_actor, tenant, replace(wanted, networks=(network,)))
    assert set(refused.value.fields) == {"source", "nics"}


def test_name_in_use_is_refused(created, wanted, tenant, member_actor) -> None:
    created()
    with pytest.raises(InvalidInput, match="has a guest called web already"):
        create_guests(member_actor, tenant, wanted)


def test_stranger_gets_404_and_viewer_403(wanted, tenant, stranger_actor, viewer_actor) -> None:
    with pytest.raises(NotFound):
        create_guests(stranger_actor, tenant, wanted)
    with pytest.raises(NotAllowed):
        create_guests(viewer_actor, tenant, wanted)
    assert not Guest.objects.exists()


def test_quota_is_counted_before_anything_is_made(created, wanted, tenant, member_actor) -> None:
    Quota.objects.create(tenant=tenant, guests=2)
    created()
    with pytest.raises(QuotaExceeded) as refused:
        create_guests(member_actor, tenant, replace(wanted, name="db", count=2))
    assert refused.value.details["exceeded"] == [{"resource": "guests", "limit": 2, "used": 1, "asked": 2}]
    assert Guest.objects.count() == 1


# -- placement ------------------------------------------------------------------------------------------------------------------------
def test_no_memory_is_refused_with_the_numbers_and_without_host_names(wanted, tenant, member_actor, host) -> None:
    with pytest.raises(NoCapacity) as refused:
        create_guests(member_actor, tenant, replace(wanted, memory_mib=30000))
    assert "24064 MiB of memory are free of the 30000 MiB needed" in refused.value.message
    assert refused.value.details == {"resource": "memory", "available": 24064, "needed": 30000}
    assert not Guest.objects.exists()


def test_operator_reads_why_each_host_was_passed_over(wanted, tenant, operator_actor) -> None:
    with pytest.raises(NoCapacity) as refused:
        create_guests(operator_actor, tenant, replace(wanted, memory_mib=30000))
    assert refused.value.details["hosts"] == ["h1: 24064 MiB of memory are free of the 30000 MiB needed."]


def test_memory_of_guests_being_created_counts(wanted, tenant, member_actor) -> None:
    create_guests(member_actor, tenant, replace(wanted, memory_mib=20000))
    with pytest.raises(NoCapacity, match="4064 MiB of memory are free"):
        create_guests(member_actor, tenant, replace(wanted, name="db", memory_mib=20000))


def test_no_disk_is_refused(wanted, tenant, member_actor) -> None:
    with pytest.raises(NoCapacity, match=r"500\.0 GiB of disk are free of the 600\.0 GiB needed"):
        create_guests(member_actor, tenant, replace(wanted, disk_gib=600))


def test_more_vcpus_than_the_host_has_are_refused(wanted, tenant, member_actor) -> None:
    with pytest.raises(NoCapacity, match="The host has 8 CPUs"):
        create_guests(member_actor, tenant, replace(wanted, vcpus=9))


def test_vcpus_are_overcommitted_up_to_the_hosts_factor(wanted, tenant, member_actor, make_guest) -> None:
    for number in range(4):
        make_guest(f"busy-{number}", vcpus=8, state="running")
    with pytest.raises(NoCapacity, match="0 vCPUs are free of the 1 needed"):
        create_guests(member_actor, tenant, wanted)


def test_host_that_does_not_answer_gets_no_guests(wanted, tenant, member_actor, host) -> None:
    host.state = "unreachable"
    host.save()
    with pytest.raises(Unavailable):
        create_guests(member_actor, tenant, wanted)


def test_host_never_looked_at_is_tried(created, host) -> None:
    """Right after the first start the watcher has not run yet."""
    host.state, host.memory_mib, host.memory_free_mib, host.cpus, host.acceleration = "connecting", 0, 0, 0, ""
    host.save()
    guest, _ = created()
    assert guest.acceleration == "qemu"


def test_only_operators_choose_the_host(wanted, tenant, member_actor, operator_actor, host) -> None:
    with pytest.raises(NotAllowed):
        create_guests(member_actor, tenant, replace(wanted, host=host))
    assert create_guests(operator_actor, tenant, replace(wanted, host=host)).guests[0].host == host


def test_test_driver_gets_guests_by_itself_only_where_there_is_nothing_else(wanted, tenant, member_actor, host) -> None:
    mock = Host.objects.create(name="mock", kind="test", state="up", acceleration="qemu", cpus=99, memory_mib=99999, memory_free_mib=99999)
    Pool.objects.create(host=mock, name="default-pool", is_active=True, available_bytes=10**12)
    Network.objects.create(host=mock, name="default", is_active=True, is_default=True)
    assert create_guests(member_actor, tenant, wanted).guests[0].host == host
    Host.objects.filter(pk=host.pk).update(kind="test", memory_free_mib=1000)
    assert create_guests(member_actor, tenant, replace(wanted, name="db")).guests[0].host == mock


def test_chosen_network_is_the_one_on_the_nic(created, network, machine: FakeMachine) -> None:
    guest, _ = created(networks=(network,))
    nic = guest.nics.get()
    assert nic.network == network
    assert nic.mac.startswith("52:54:00:")
    assert isinstance(guest.id, UUID)
