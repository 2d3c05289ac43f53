"""Many people at once: quota is never exceeded and never refused wrongly, a name is given once, a guest has one job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connections

from guests.models import Guest, GuestNic
from guests.requests import CreateGuest
from guests.services.create import create_guests
from guests.services.power import start_guest
from jobs.models import Job
from kvmweb.errors import Busy, InvalidInput, NoCapacity, QuotaExceeded
from tenants.models import Quota

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 8


def all_at_once(act: Callable[[int], object]) -> list[object]:
    """What each thread's call returned or raised."""
    barrier = threading.Barrier(PEOPLE)
    results: list[object] = [None] * PEOPLE

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = act(number)
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def wanted(machine, image) -> CreateGuest:
    return CreateGuest(name="web", image=image, vcpus=1, memory_mib=256, disk_gib=1)


def count(results: list[object], kind: type) -> int:
    return sum(isinstance(result, kind) for result in results)


def test_quota_holds_exactly(wanted, tenant, member_actor) -> None:
    Quota.objects.create(tenant=tenant, guests=3)
    results = all_at_once(lambda number: create_guests(member_actor, tenant, replace(wanted, name=f"web-{number}")))
    assert count(results, QuotaExceeded) == PEOPLE - 3, results
    assert Guest.objects.count() == Job.objects.count() == 3


def test_host_is_not_promised_twice(wanted, tenant, member_actor, host) -> None:
    results = all_at_once(lambda number: create_guests(member_actor, tenant, replace(wanted, name=f"web-{number}", memory_mib=10000)))
    assert count(results, NoCapacity) == PEOPLE - 2, results
    assert Guest.objects.count() == 2


def test_name_is_given_once(wanted, tenant, member_actor) -> None:
    results = all_at_once(lambda number: create_guests(member_actor, tenant, wanted))
    assert count(results, InvalidInput) == PEOPLE - 1, results
    assert Guest.objects.count() == 1


def test_macs_differ(wanted, tenant, member_actor) -> None:
    all_at_once(lambda number: create_guests(member_actor, tenant, replace(wanted, name=f"web-{number}")))
    macs = list(GuestNic.objects.values_list("mac", flat=True))
    assert len(set(macs)) == len(macs) == PEOPLE


def test_clicks_at_once_make_one_job(make_guest, member_actor) -> None:
    guest = make_guest()
    results = all_at_once(lambda number: start_guest(member_actor, guest))
    assert (count(results, Job), count(results, Busy)) == (1, PEOPLE - 1), results
    assert Job.objects.count() == 1
