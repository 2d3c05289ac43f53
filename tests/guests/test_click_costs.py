"""What a click costs in statements, before its answer and after it. A new one raises a number here, and somebody has to say why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from guests.models import Guest
from jobs.models import Job
from kvmweb import after_answer
from tenants.models import User

BEFORE_THE_ANSWER = 17
"""Token with its user, roles; begin; guest; savepoint; guest locked; two for the quota; savepoint; job; release; guest; three for the
audit trail and its chain; release; commit."""
AFTER_IT = 2
"""Disks and interfaces, for the open pages."""


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What the request left for after its answer."""
    left: list[Callable[[], object]] = []
    monkeypatch.setattr(after_answer._here, "works", left, raising=False)
    return left


@pytest.mark.django_db(transaction=True)
def test_a_click_costs_few_statements(
    operator: User, make_guest: Callable[..., Guest], api_for: Callable[..., APIClient], works: list[Callable[[], object]]
) -> None:
    guest, api = make_guest(), api_for(operator)
    click = partial(api.post, f"/api/v1/guests/{guest.pk}/start/", {})
    assert click().status_code == 202
    Job.objects.all().delete()
    works.clear()
    with CaptureQueriesContext(connection) as before:
        assert click().status_code == 202
    assert len(before) <= BEFORE_THE_ANSWER, [query["sql"][:100] for query in before]
    left = list(works)
    after_answer._here.works = None
    with CaptureQueriesContext(connection) as after:
        for work in left:
            work()
    assert len(after) <= AFTER_IT, [query["sql"][:100] for query in after]


@pytest.mark.django_db
def test_a_click_that_is_refused_as_busy_names_what_runs(
    operator: User, make_guest: Callable[..., Guest], api_for: Callable[..., APIClient]
) -> None:
    guest, api = make_guest(), api_for(operator)
    assert api.post(f"/api/v1/guests/{guest.pk}/start/", {}).status_code == 202
    answer = api.post(f"/api/v1/guests/{guest.pk}/start/", {})
    assert answer.status_code == 409
    assert answer.json()["error"]["details"]["job"]["target"]["id"] == str(guest.pk)
