"""Adopting a domain made with virsh: owned, unchanged on its host, with its disks."""

from __future__ import annotations

from uuid import uuid4

import pytest

from guests.models import Guest
from guests.services.adopt import adopt_guest
from guests.services.delete import delete_guest
from hosts.models import UnmanagedGuest
from hypervisor import fake
from hypervisor.fake import FakeMachine
from hypervisor.specs import DiskSpec, GuestSpec, NicSpec, VolumeSpec
from jobs.models import JobState
from jobs.testing import assert_every_step_twice, assert_survives_a_lost_worker, assert_unwinds_from_every_step, run_inline
from kvmweb.errors import NotAllowed, NotFound, QuotaExceeded
from storage.models import Volume
from tenants.models import Quota


@pytest.fixture
def stray(machine: FakeMachine, host) -> UnmanagedGuest:
    """A running domain somebody made with virsh."""
    connection = fake.connect(host.hypervisor_address)
    made = connection.create_volume("default", VolumeSpec("old.qcow2", 3 * 1024**3))
    spec = GuestSpec(
        uuid=uuid4(),
        name="Old_Server 1",
        title="old",
        vcpus=2,
        memory_mib=512,
        acceleration="qemu",
        disks=(DiskSpec("vda", made.path, "qcow2"),),
        nics=(NicSpec("default", "52:54:00:00:00:01"),),
    )
    connection.define_guest(spec)
    connection.start_guest(spec.uuid)
    return UnmanagedGuest.objects.create(host=host, uuid=spec.uuid, name=spec.name, state="running", vcpus=2, memory_mib=512)


def test_adopted_guest_is_owned_and_unchanged(stray, host, tenant, operator_actor, machine: FakeMachine, network, pool) -> None:
    before = machine.snapshot()
    job = run_inline(adopt_guest(operator_actor, tenant, host, stray.uuid))
    assert job.state == JobState.SUCCEEDED, job.error
    guest = Guest.objects.get()
    assert (guest.name, guest.domain_name, guest.uuid) == ("old-server-1", "Old_Server 1", stray.uuid)
    assert (guest.tenant, guest.state, guest.vcpus, guest.memory_mib, guest.disk_gib) == (tenant, "running", 2, 512, 3)
    assert guest.nics.get().network == network
    disk = guest.disks.get().volume
    assert (disk.name, disk.pool, disk.tenant, disk.state) == ("old.qcow2", pool, tenant, "ready")
    assert machine.snapshot() == before
    assert not UnmanagedGuest.objects.exists()


def test_adopted_guest_can_be_deleted_with_its_disks(stray, host, tenant, operator_actor, machine: FakeMachine) -> None:
    run_inline(adopt_guest(operator_actor, tenant, host, stray.uuid))
    job = run_inline(delete_guest(operator_actor, Guest.objects.get(), delete_disks=True))
    assert job.state == JobState.SUCCEEDED, job.error
    assert machine.guests == {}
    assert machine.pools["default"].volumes == {}
    assert not Volume.objects.exists()


def test_name_in_use_gets_a_number(stray, host, tenant, operator_actor, make_guest) -> None:
    make_guest("old-server-1")
    adopt_guest(operator_actor, tenant, host, stray.uuid)
    assert Guest.objects.get(uuid=stray.uuid).name == "old-server-1-2"


def test_adopting_runs_twice_unwinds_and_survives(stray, host, tenant, operator_actor, machine: FakeMachine) -> None:
    def make():
        return adopt_guest(operator_actor, tenant, host, stray.uuid)

    assert_every_step_twice(make, machine)
    assert_unwinds_from_every_step(make, machine, ignoring=("hosts.UnmanagedGuest",))
    assert_survives_a_lost_worker(make, machine)


def test_only_operators_adopt_and_quota_counts(stray, host, tenant, owner_actor, stranger_actor, operator_actor) -> None:
    with pytest.raises(NotAllowed):
        adopt_guest(owner_actor, tenant, host, stray.uuid)
    with pytest.raises(NotFound):
        adopt_guest(stranger_actor, tenant, host, stray.uuid)
    Quota.objects.create(tenant=tenant, vcpus=1)
    with pytest.raises(QuotaExceeded):
        adopt_guest(operator_actor, tenant, host, stray.uuid)
    assert UnmanagedGuest.objects.exists()


@pytest.mark.parametrize("wrong", ["nonsense", "6f1c0d8e-2f0b-4c55-9a3e-0c8a3a1d7b10"])
def test_domain_that_is_not_there_is_not_found(wrong, stray, host, tenant, operator_actor) -> None:
    with pytest.raises(NotFound):
        adopt_guest(operator_actor, tenant, host, wrong)
