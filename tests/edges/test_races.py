"""The same request at the same time, from a barrier: one effect, one answer, never over the quota."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from guests.models import Guest
from hosts.models import Host
from jobs.models import Job
from networks.models import Network
from storage.models import Image, Pool
from tenants.models import Quota, Tenant, User

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS, AT_ONCE = 5, 4


def at_once(requests: list[Callable[[], Any]]) -> list[Any]:
    """The answers, in the order of `requests`."""
    barrier, answers = Barrier(len(requests)), [None] * len(requests)

    def ask(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = requests[number]()
        finally:
            connection.close()

    threads = [Thread(target=ask, args=(number,)) for number in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


@pytest.fixture
def image_ready(host: Host, pool: Pool, network: Network, image: Image) -> Image:
    return image


def test_one_key_at_once_has_one_effect(member: User, image_ready: Image, api_for: Callable[..., APIClient]) -> None:
    for number in range(ROUNDS):
        body = {"name": f"web-{number}", "source": {"image": str(image_ready.pk)}, "memory_mib": 128}

        def ask(body: dict[str, Any] = body, number: int = number) -> Any:
            return api_for(member).post("/api/v1/guests/", body, HTTP_IDEMPOTENCY_KEY=f"k{number}")

        answers = at_once([ask] * AT_ONCE)
        assert [answer.status_code for answer in answers] == [202] * AT_ONCE
        assert len({answer.content for answer in answers}) == 1
        assert Guest.objects.filter(name=f"web-{number}").count() == 1


def test_two_clicks_at_once_are_one_job(member: User, make_guest: Callable[..., Guest], api_for: Callable[..., APIClient]) -> None:
    for number in range(ROUNDS):
        guest = make_guest(f"g{number}")

        def ask(guest: Guest = guest) -> Any:
            return api_for(member).post(f"/api/v1/guests/{guest.pk}/start/")

        statuses = sorted(answer.status_code for answer in at_once([ask] * AT_ONCE))
        assert statuses == [202] + [409] * (AT_ONCE - 1)
        assert Job.objects.filter(target_id=guest.pk).count() == 1


def test_the_quota_is_never_exceeded(member: User, tenant: Tenant, image_ready: Image, api_for: Callable[..., APIClient]) -> None:
    quota = Quota.objects.create(tenant=tenant, guests=0)
    for number in range(ROUNDS):
        quota.guests = Guest.objects.count() + 1
        quota.save()

        def ask(index: int, number: int = number) -> Callable[[], Any]:
            body = {"name": f"q-{number}-{index}", "source": {"image": str(image_ready.pk)}, "memory_mib": 128}
            return lambda: api_for(member).post("/api/v1/guests/", body)

        answers = at_once([ask(index) for index in range(AT_ONCE)])
        assert sorted(answer.status_code for answer in answers) == [202] + [409] * (AT_ONCE - 1)
        assert Guest.objects.count() == quota.guests


def test_one_version_at_once_is_changed_once(member: User, make_guest: Callable[..., Guest], api_for: Callable[..., APIClient]) -> None:
    for number in range(ROUNDS):
        guest = make_guest(f"v{number}")

        def ask(index: int, guest: Guest = guest) -> Callable[[], Any]:
            path, body = f"/api/v1/guests/{guest.pk}/", {"description": f"by {index}"}
            return lambda: api_for(member).patch(path, body, HTTP_IF_MATCH=f'"{guest.version}"')

        answers = at_once([ask(index) for index in range(AT_ONCE)])
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * (AT_ONCE - 1)
