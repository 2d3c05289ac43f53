"""Everything that reserves, at the same moment: as many get it as fit, never more, never fewer. Larger: benchmarks/quota_race.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guests.models import Guest
from guests.requests import CreateGuest
from guests.services.change import change_guest
from guests.services.create import create_guests
from guests.services.power import start_guest
from guests.services.transfer import transfer_guest
from jobs.models import Job
from kvmweb.errors import QuotaExceeded
from tenants.models import Quota
from tenants.quota import usage_of
from tenants.services.quotas import set_quota
from tests.guests.test_races import PEOPLE, all_at_once, count

pytestmark = pytest.mark.django_db(transaction=True)
ROOM = 3


def assert_exactly(results: list[object], fitting: int) -> None:
    assert count(results, QuotaExceeded) == PEOPLE - fitting, results
    assert sum(not isinstance(result, Exception) for result in results) == fitting, results


@pytest.fixture
def wanted(machine, image) -> CreateGuest:
    return CreateGuest(name="web", image=image, vcpus=2, memory_mib=256, disk_gib=1)


@pytest.mark.parametrize(("resource", "each"), [("guests", 1), ("vcpus", 2), ("memory_mib", 256), ("disk_gib", 1), ("running_jobs", 1)])
def test_creates(wanted, tenant, member_actor, resource, each) -> None:
    # One short of the next: what is left over is not given either.
    Quota.objects.create(tenant=tenant, **{resource: ROOM * each + (each - 1)})
    assert_exactly(all_at_once(lambda number: create_guests(member_actor, tenant, replace(wanted, name=f"web-{number}"))), ROOM)
    assert usage_of(tenant.pk)[resource] == ROOM * each


def test_resizes(make_guest, tenant, member_actor) -> None:
    guests = [make_guest(f"g{number}") for number in range(PEOPLE)]
    Quota.objects.create(tenant=tenant, vcpus=PEOPLE + ROOM)
    assert_exactly(all_at_once(lambda number: change_guest(member_actor, guests[number], {"vcpus": 2})), ROOM)
    assert usage_of(tenant.pk)["vcpus"] == PEOPLE + ROOM


def test_running_jobs(make_guest, tenant, member_actor) -> None:
    guests = [make_guest(f"g{number}") for number in range(PEOPLE)]
    Quota.objects.create(tenant=tenant, running_jobs=ROOM)
    assert_exactly(all_at_once(lambda number: start_guest(member_actor, guests[number])), ROOM)
    assert Job.objects.count() == ROOM


def test_guests_given_away_and_made(wanted, make_guest, tenant, other_tenant, member_actor, operator_actor) -> None:
    guests = [make_guest(f"g{number}", tenant=other_tenant) for number in range(PEOPLE)]
    Quota.objects.create(tenant=tenant, guests=ROOM)

    def act(number: int) -> object:
        if number % 2:
            return create_guests(member_actor, tenant, replace(wanted, name=f"web-{number}"))
        return transfer_guest(operator_actor, guests[number], tenant)

    assert_exactly(all_at_once(act), ROOM)
    assert Guest.objects.filter(tenant=tenant).count() == ROOM


def test_a_limit_that_changes_meanwhile(wanted, tenant, member_actor, admin_actor) -> None:
    """Each create sees the old limit or the new one, and its record in the history is whole."""
    Quota.objects.create(tenant=tenant, guests=1)

    def act(number: int) -> object:
        if number == 0:
            return set_quota(admin_actor, tenant, {"guests": ROOM})
        return create_guests(member_actor, tenant, replace(wanted, name=f"web-{number}"))

    results = all_at_once(act)
    made = Guest.objects.count()
    assert 1 <= made <= ROOM
    assert count(results, QuotaExceeded) == PEOPLE - 1 - made, results
