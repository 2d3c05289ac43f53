"""Any sequence of creates, resizes, deletes and failures: never over the quota, never a false refusal, and usage is the sum of the rows."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from guests.models import Guest
from guests.requests import CreateGuest
from guests.services.change import change_guest
from guests.services.create import create_guests
from guests.services.delete import delete_guest
from hypervisor.errors import Refused
from hypervisor.fake import FakeMachine
from jobs.models import Job, JobState
from jobs.services import cancel_job
from jobs.testing import run_inline
from kvmweb.errors import Conflict, QuotaExceeded
from storage.models import Volume
from tenants.actor import Actor
from tenants.models import Quota, Tenant
from tenants.quota import usage_of

LIMITS = {"guests": 4, "vcpus": 8, "memory_mib": 2048, "disk_gib": 12}
FAULTY = {"guest.create": "define_guest", "guest.change": "resize_guest", "guest.delete": "undefine_guest"}

size = st.fixed_dictionaries({"vcpus": st.integers(1, 4), "memory_mib": st.sampled_from([64, 512, 1024]), "disk_gib": st.integers(1, 5)})
creates = st.tuples(st.just("create"), size, st.integers(1, 3))
resizes = st.tuples(st.just("resize"), st.integers(0, 9), st.integers(1, 5), st.sampled_from([64, 600, 1024]))
deletes = st.tuples(st.just("delete"), st.integers(0, 9), st.booleans())
ends = st.tuples(st.sampled_from(["run", "run", "fail", "cancel"]))
sequences = st.lists(st.one_of(creates, resizes, deletes, ends, ends), max_size=20)


@dataclass
class Walk:
    actor: Actor
    tenant: Tenant
    machine: FakeMachine
    wanted: CreateGuest
    made: int = 0

    def act(self, action: tuple[Any, ...]) -> None:
        before = sums(self.tenant)
        try:
            getattr(self, f"do_{action[0]}")(*action[1:])
        except QuotaExceeded as refusal:
            # Not a false one: each resource it names would really have been over.
            for line in refusal.details["exceeded"]:
                assert line["used"] == before[line["resource"]]
                assert line["used"] + line["asked"] > line["limit"] == LIMITS[line["resource"]]
            assert sums(self.tenant) == before
        except Conflict:
            assert sums(self.tenant) == before

    def do_create(self, size: dict[str, int], count: int) -> None:
        self.made += 1
        asked = {"guests": count, **{name: amount * count for name, amount in size.items()}}
        fits = all(sums(self.tenant)[name] + amount <= LIMITS[name] for name, amount in asked.items())
        try:
            create_guests(self.actor, self.tenant, replace(self.wanted, name=f"g{self.made}", count=count, **size))
        except QuotaExceeded:
            assert not fits
            raise
        assert fits

    def do_resize(self, which: int, vcpus: int, memory_mib: int) -> None:
        if guest := self.nth(which):
            change_guest(self.actor, guest, {"vcpus": vcpus, "memory_mib": memory_mib})

    def do_delete(self, which: int, delete_disks: bool) -> None:
        if guest := self.nth(which):
            delete_guest(self.actor, guest, delete_disks=delete_disks)

    def do_run(self) -> None:
        if job := self.next_job():
            assert run_inline(job).state == JobState.SUCCEEDED

    def do_fail(self) -> None:
        if job := self.next_job():
            self.machine.faults.fail(FAULTY[job.kind], Refused("The test said no."))
            run_inline(job)

    def do_cancel(self) -> None:
        if job := self.next_job():
            cancel_job(self.actor, job)
            run_inline(job)

    def nth(self, number: int) -> Guest | None:
        guests = list(Guest.objects.order_by("created_at", "id"))
        return guests[number % len(guests)] if guests else None

    def next_job(self) -> Job | None:
        waiting = Job.objects.filter(state=JobState.QUEUED, kind__in=FAULTY)
        return waiting.order_by("created_at", "id").first()


def sums(tenant: Tenant) -> dict[str, int]:
    """Added up row by row, by another way than the product's."""
    guests = list(Guest.objects.filter(tenant=tenant))
    volumes = [volume for volume in Volume.objects.filter(tenant=tenant, purpose="disk") if not volume.guest_disks.exists()]
    return {
        "guests": len(guests),
        "vcpus": sum(guest.vcpus for guest in guests),
        "memory_mib": sum(guest.memory_mib for guest in guests),
        "disk_gib": sum(guest.disk_gib for guest in guests) + sum(-(-volume.capacity_bytes // 1024**3) for volume in volumes),
    }


BIG = {"vcpus": 4, "memory_mib": 64, "disk_gib": 1}
SHRINK_THAT_FAILS = [
    ("create", BIG, 1),
    ("create", BIG, 1),
    ("run",),
    ("run",),
    ("resize", 0, 1, 64),
    ("create", {**BIG, "vcpus": 3}, 1),  # what the first guest has not given back yet is not there
    ("fail",),
    ("run",),
]


@example(actions=SHRINK_THAT_FAILS)
@given(actions=sequences)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_sums_stay_true_and_under_the_limits(actions, machine, image, tenant, member_actor) -> None:
    kept = copy.deepcopy((machine.guests, machine.pools, machine.networks))
    with transaction.atomic():
        Quota.objects.create(tenant=tenant, **LIMITS)
        walk = Walk(member_actor, tenant, machine, CreateGuest(name="g", image=image, start=False))
        try:
            for action in actions:
                walk.act(action)
                used = usage_of(tenant.pk)
                assert {name: used[name] for name in LIMITS} == sums(tenant), action
                assert [name for name, limit in LIMITS.items() if used[name] > limit] == [], action
        finally:
            machine.guests, machine.pools, machine.networks = kept
            transaction.set_rollback(True)
