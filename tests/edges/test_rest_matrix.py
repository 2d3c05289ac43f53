"""Every REST route x every role x another tenant's ids. The routes come from the URL conf; one without a row in the matrix fails."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import models
from rest_framework.test import APIClient

from guests.models import Guest, GuestDisk
from hosts.models import Host, UnmanagedGuest
from jobs.models import Job
from networks.models import Network
from storage.models import Image, Pool, Volume
from tenants.models import ApiToken, AuditEntry, Tenant, User
from tenants.selectors import token_id
from tests.edges.matrix import MATRIX, PEOPLE, RULES, Row
from tests.edges.routes import rest_routes

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]

NOT_STATE = (AuditEntry, ApiToken)
"""A refusal is recorded, and a token remembers when it was used last."""


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(rest_routes()) == set(MATRIX)


@pytest.fixture
def world(
    tenant: Tenant,
    owner: User,
    stranger: User,
    host: Host,
    pool: Pool,
    network: Network,
    image: Image,
    make_guest: Callable[..., Guest],
    request: pytest.FixtureRequest,
) -> dict[str, str]:
    """Parameter of a path -> the id of acme's row, in the state the route needs."""
    row: Row = request.node.callspec.params["row"]
    guest = make_guest("web-1", state=row.guest_state)
    detached = make_guest("gone")
    volume = Volume.objects.get(guest_disks__guest=detached)
    GuestDisk.objects.filter(guest=detached).delete()
    job = Job.objects.create(kind="guest.start", title="Start guest web-1", actor_label="mia", tenant=tenant, state=row.job_state)
    image.tenant = tenant
    image.save()
    private = Network.objects.create(host=host, tenant=tenant, name="acme-net", is_active=True)
    empty = Host.objects.create(name="empty", kind="unix", socket_path="/fake/empty")
    unmanaged = UnmanagedGuest.objects.create(host=host, uuid=uuid4(), name="old", state="running", vcpus=1, memory_mib=64)
    token, _ = ApiToken.objects.create(user=owner, name="acme's", scope="read")
    rows = {"guest": guest, "volume": volume, "job": job, "image": image, "network": private, "tenant": tenant, "pool": pool}
    ids = {f"{name}_id": str(found.pk) for name, found in rows.items()}
    ids["domain_uuid"] = str(unmanaged.uuid)
    return {**ids, "host_id": str(empty.pk if row.host == "empty" else host.pk), "token_id": str(token_id(token))}


def url_of(route: str, ids: dict[str, str]) -> str:
    return "/api/v1/" + re.sub(r"<uuid:(\w+)>", lambda found: ids[found[1]], route)


def body_of(row: Row, ids: dict[str, str]) -> dict[str, Any]:
    filled: dict[str, Any] = json.loads(re.sub(r"\$(\w+)", lambda found: ids[found[1]], json.dumps(row.body)))
    return filled


def ask(api: APIClient, method: str, route: str, row: Row, ids: dict[str, str]) -> Any:
    url = url_of(route, ids)
    return api.get(url) if method == "GET" else getattr(api, method.lower())(url, body_of(row, ids), format="json")


def everything() -> dict[str, Any]:
    ours = [model for model in apps.get_models() if model.__module__.split(".")[0] in ROOMS and model not in NOT_STATE]
    return {model._meta.label: snapshot(model) for model in ours}


ROOMS = ("tenants", "jobs", "hosts", "networks", "storage", "guests", "console")


def snapshot(model: type[models.Model]) -> list[Any]:
    return sorted(map(str, model._default_manager.values_list()))


CASES = [pytest.param(method, route, row, id=f"{method} {route}") for (method, route), row in MATRIX.items()]


@pytest.mark.parametrize(("method", "route", "row"), CASES)
def test_nobody_and_a_bogus_token_get_401(method: str, route: str, row: Row, world: dict[str, str]) -> None:
    nobody, bogus = APIClient(), APIClient()
    bogus.credentials(HTTP_AUTHORIZATION="Token " + "0" * 64)
    before = everything()
    for api in (nobody, bogus):
        answer = ask(api, method, route, row, world)
        assert answer.status_code == 401, answer.content
    assert everything() == before


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize(("method", "route", "row"), CASES)
def test_each_person_gets_what_the_matrix_says(
    method: str, route: str, row: Row, person: str, world: dict[str, str], api_for: Api, request: pytest.FixtureRequest
) -> None:
    user: User = request.getfixturevalue(person)
    wanted = RULES[row.rule][PEOPLE.index(person)]
    api, before = api_for(user), everything()
    answer = ask(api, method, route, row, world)
    if wanted == 2:
        assert 200 <= answer.status_code < 300, answer.content
    else:
        assert answer.status_code == wanted, answer.content
        assert everything() == before
    if method == "GET":
        assert everything() == before
    if wanted == 404:
        assert answer.json() == like_missing(ask(api, method, route, row, missing_ids(world)), answer)


def missing_ids(ids: dict[str, str]) -> dict[str, str]:
    return {name: str(uuid4()) for name in ids}


def like_missing(missing: Any, answer: Any) -> Any:
    """The answer for ids that do not exist, with the reference of `answer`: all that may differ."""
    return {"error": {**missing.json()["error"], "reference": answer.json()["error"]["reference"]}}


@pytest.mark.parametrize(("method", "route", "row"), [case for case in CASES if case.values[2].rule == "everybody"])
def test_a_stranger_finds_no_id_of_acme_in_any_answer(
    method: str, route: str, row: Row, world: dict[str, str], stranger: User, api_for: Api
) -> None:
    answer = ask(api_for(stranger), method, route, row, world).content.decode()
    asked = json.dumps(body_of(row, world))
    assert [name for name, pk in world.items() if pk in answer and pk not in asked] == []
    assert "web-1" not in answer


@pytest.mark.parametrize("parameter", ["tenant", "host", "target", "image", "pool", "actor"])
def test_a_foreign_id_in_a_filter_finds_nothing(
    parameter: str, stranger: User, tenant: Tenant, make_guest: Callable[..., Guest], api_for: Api
) -> None:
    guest = make_guest()
    ids = {
        "tenant": tenant.pk,
        "host": guest.host_id,
        "target": guest.pk,
        "image": uuid4(),
        "pool": Pool.objects.get().pk,
        "actor": uuid4(),
    }
    lists = {
        "tenant": ("guests", "jobs", "images", "networks", "audit"),
        "host": ("guests", "networks", "pools"),
        "target": ("jobs", "audit"),
        "image": ("guests",),
        "pool": ("volumes",),
        "actor": ("audit",),
    }
    shared = {"networks", "images"}
    for path in lists[parameter]:
        answer = api_for(stranger).get(f"/api/v1/{path}/?{parameter}={ids[parameter]}")
        assert answer.status_code == 200, answer.content
        if path not in shared or parameter == "host":
            assert answer.json()["results"] == [], path


def test_an_expired_token_gets_401(member: User) -> None:
    from datetime import timedelta

    _, key = ApiToken.objects.create(user=member, name="old", scope="admin", expiry=timedelta(seconds=-1))
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    assert api.get("/api/v1/guests/").status_code == 401


def test_a_disabled_account_gets_401(member: User, api_for: Api) -> None:
    api = api_for(member)
    member.is_active = False
    member.save()
    assert api.get("/api/v1/guests/").status_code == 401


def test_a_token_of_one_tenant_sees_only_that_one(
    admin: User, tenant: Tenant, other_tenant: Tenant, make_guest: Callable[..., Guest], api_for: Api
) -> None:
    admin.memberships.create(tenant=tenant, role="owner")
    mine, foreign = make_guest("a"), make_guest("b", tenant=other_tenant)
    api = api_for(admin, tenant=tenant)
    assert api.get(f"/api/v1/guests/{mine.pk}/").status_code == 200
    assert api.get(f"/api/v1/guests/{foreign.pk}/").status_code == 404
    assert api.get(f"/api/v1/hosts/{mine.host_id}/").status_code == 404
    assert api.post("/api/v1/tenants/", {"name": "x"}).status_code == 403
