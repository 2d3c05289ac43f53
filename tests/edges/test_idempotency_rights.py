"""A kept answer is given only to who could have got it: it may hold a key or a ticket. And it is kept for a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from guests.models import Guest
from jobs.sweeper import prune
from tenants.models import IdempotencyRecord, Membership, Tenant, User

pytestmark = pytest.mark.django_db


def open_console(api: APIClient, guest: Guest) -> Any:
    return api.post(f"/api/v1/guests/{guest.pk}/console/", {"mode": "control"}, HTTP_IDEMPOTENCY_KEY="k")


@pytest.fixture
def guest(make_guest: Callable[..., Guest]) -> Guest:
    return make_guest("web-1", state="running")


def test_a_weaker_token_of_the_same_person_does_not_get_the_answer(guest: Guest, member: User, api_for: Callable[..., APIClient]) -> None:
    strong = api_for(member)
    first = open_console(strong, guest)
    assert first.status_code == 201
    assert open_console(strong, guest).json() == first.json()
    refused = open_console(api_for(member, scope="read"), guest)
    assert refused.status_code == 409
    assert first.json()["ticket"] not in refused.content.decode()


def test_a_token_for_another_tenant_does_not_get_the_answer(
    guest: Guest, member: User, other_tenant: Tenant, api_for: Callable[..., APIClient]
) -> None:
    Membership.objects.create(tenant=other_tenant, user=member, role="member")
    first = open_console(api_for(member), guest)
    refused = open_console(api_for(member, tenant=other_tenant), guest)
    assert refused.status_code == 409
    assert first.json()["ticket"] not in refused.content.decode()


def test_who_lost_the_role_does_not_get_the_answer(guest: Guest, member: User, api_for: Callable[..., APIClient]) -> None:
    api = api_for(member)
    assert open_console(api, guest).status_code == 201
    Membership.objects.filter(user=member).delete()
    assert open_console(api, guest).status_code == 409


def test_answers_are_forgotten_after_a_day(guest: Guest, member: User, api_for: Callable[..., APIClient]) -> None:
    api = api_for(member)
    open_console(api, guest)
    prune()
    assert IdempotencyRecord.objects.count() == 1
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    prune()
    assert not IdempotencyRecord.objects.exists()
