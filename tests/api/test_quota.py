"""REST: limits, usage, defaults, requests for more, and what a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from guests.models import Guest
from storage.models import Image
from tenants.models import Quota, Tenant, User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


@pytest.fixture
def ready(host: Any, pool: Any, network: Any, image: Image) -> Image:
    return image


def test_usage_says_what_is_used_left_and_how_full(viewer: User, tenant: Tenant, make_guest: Callable[..., Guest], api_for: Api) -> None:
    make_guest("web-1", vcpus=3)
    Quota.objects.create(tenant=tenant, guests=4, vcpus=2)
    usage = api_for(viewer).get(f"/api/v1/tenants/{tenant.pk}/usage/").json()
    assert usage["guests"] == {"used": 1, "limit": 4, "left": 3, "percent": 25.0}
    assert usage["vcpus"] == {"used": 3, "limit": 2, "left": 0, "percent": 150.0}
    assert usage["memory_mib"] == {"used": 512, "limit": None, "left": None, "percent": None}


def test_default_no_limit_and_a_number_are_three_things(admin: User, tenant: Tenant, api_for: Api) -> None:
    api, path = api_for(admin), f"/api/v1/tenants/{tenant.pk}/quota/"
    assert api.put("/api/v1/quota-defaults/", {"guests": 5, "vcpus": 8}).json()["guests"] == 5
    assert api.get(path).json()["guests"] == 5
    assert api.put(path, {"guests": None}).json()["guests"] is None
    answer = api.put(path, {"guests": "default", "vcpus": 2, "reason": "As agreed."}).json()
    assert (answer["guests"], answer["vcpus"]) == (5, 2)
    assert "guests" in answer["follows_default"]
    assert "vcpus" not in answer["follows_default"]
    newest = api.get(f"{path}history/").json()["results"][0]
    assert (newest["before"], newest["after"]) == ({"guests": None, "vcpus": "default"}, {"guests": "default", "vcpus": 2})
    assert (newest["actor"], newest["reason"]) == ("ada", "As agreed.")


@pytest.mark.parametrize("limit", ["Default", "5", -1, 2**31, 1.0, True, []])
def test_a_limit_is_a_number_null_or_default(admin: User, tenant: Tenant, api_for: Api, limit: Any) -> None:
    answer = api_for(admin).put(f"/api/v1/tenants/{tenant.pk}/quota/", {"guests": limit})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]["fields"]) == ["guests"]


def test_a_refusal_names_everything_that_does_not_fit_and_where_to_ask(member: User, tenant: Tenant, ready: Image, api_for: Api) -> None:
    Quota.objects.create(tenant=tenant, guests=1, memory_mib=100)
    body = {"name": "web", "count": 2, "source": {"image": str(ready.pk)}, "memory_mib": 128}
    answer = api_for(member).post("/api/v1/guests/", body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "quota_exceeded")
    assert error["details"]["exceeded"] == [
        {"resource": "guests", "limit": 1, "used": 0, "asked": 2},
        {"resource": "memory_mib", "limit": 100, "used": 0, "asked": 256},
    ]
    assert error["details"]["request_url"] == f"/quota-requests/new/?tenant={tenant.pk}&guests=2&memory_mib=256"
    assert "/quota-requests/new/" in error["hint"]


def test_a_dry_run_that_does_not_fit_still_tells_the_effect(member: User, tenant: Tenant, ready: Image, api_for: Api) -> None:
    Quota.objects.create(tenant=tenant, guests=1)
    body = {"name": "web", "count": 2, "source": {"image": str(ready.pk)}, "memory_mib": 128}
    plan = api_for(member).post("/api/v1/guests/?dry_run=true", body).json()
    assert (plan["is_possible"], plan["refusals"][0]["code"]) == (False, "quota_exceeded")
    assert plan["quota"]["guests"] == {"limit": 1, "used": 0, "after": 2}
    assert Guest.objects.count() == 0


def test_quota_that_cannot_be_read_is_503_and_nothing_is_made(member: User, tenant: Tenant, ready: Image, api_for: Api) -> None:
    Quota.objects.create(tenant=tenant, guests=10)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_quota RENAME TO hidden")
    api = api_for(member)
    answer = api.post("/api/v1/guests/", {"name": "web", "source": {"image": str(ready.pk)}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert Guest.objects.count() == 0
    assert api.get(f"/api/v1/tenants/{tenant.pk}/usage/").status_code == 503


def test_an_owner_asks_an_admin_approves(owner: User, viewer: User, admin: User, tenant: Tenant, api_for: Api) -> None:
    Quota.objects.create(tenant=tenant, guests=1)
    asked = api_for(owner).post("/api/v1/quota-requests/", {"guests": 5, "reason": "The shop."})
    assert (asked.status_code, asked.json()["limits"]) == (201, {"guests": 5})
    again = api_for(owner).post("/api/v1/quota-requests/", {"guests": 6, "reason": "More."})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "request_open")
    path = f"/api/v1/quota-requests/{asked.json()['id']}/"
    assert api_for(viewer).get("/api/v1/quota-requests/?state=open").json()["results"][0]["reason"] == "The shop."
    assert api_for(owner).post(f"{path}approve/").status_code == 403
    assert api_for(admin).post(f"{path}approve/", {"message": "Fine."}).json()["state"] == "approved"
    assert api_for(owner).get(f"/api/v1/tenants/{tenant.pk}/quota/").json()["guests"] == 5
    assert api_for(viewer).get(f"/api/v1/tenants/{tenant.pk}/quota/history/").json()["results"][0]["request"] == asked.json()["id"]


def test_a_requester_withdraws(owner: User, tenant: Tenant, api_for: Api) -> None:
    Quota.objects.create(tenant=tenant, guests=1)
    asked = api_for(owner).post("/api/v1/quota-requests/", {"guests": 5, "reason": "The shop."}).json()
    assert api_for(owner).delete(f"/api/v1/quota-requests/{asked['id']}/").json()["state"] == "cancelled"
    assert api_for(owner).delete(f"/api/v1/quota-requests/{asked['id']}/").status_code == 409


def test_defaults_are_for_system_roles(owner: User, auditor: User, operator: User, api_for: Api) -> None:
    assert api_for(owner).get("/api/v1/quota-defaults/").status_code == 404
    assert api_for(auditor).get("/api/v1/quota-defaults/").json()["guests"] is None
    assert api_for(operator).put("/api/v1/quota-defaults/", {"guests": 1}).status_code == 403
