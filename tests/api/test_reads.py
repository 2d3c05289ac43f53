"""Lists, details, paging and filters, as each person sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from guests.models import Guest, GuestDisk, GuestNic
from hosts.models import Host
from jobs.models import Job
from networks.models import Network
from storage.models import Image, Pool
from tenants.models import Tenant, User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
MakeGuest = Callable[..., Guest]


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def all_pages(api: APIClient, path: str, direction: str = "next") -> list[list[str]]:
    pages, url = [], path
    while url:
        answer = api.get(url)
        pages.append(names(answer))
        url = answer.json()[direction]
        assert len(pages) < 50
    return pages


@pytest.mark.parametrize(
    "ordering", ["name", "-name", "state", "-state", "created_at", "-created_at", "memory_mib", "cpu_percent", "-cpu_percent"]
)
def test_pages_hold_every_guest_once_in_both_directions(operator: User, make_guest: MakeGuest, api_for: Api, ordering: str) -> None:
    for number in range(7):
        make_guest(f"g{number}", state="running" if number % 2 else "shutoff", cpu_percent=float(number) if number % 3 else None)
    api = api_for(operator)
    whole = names(api.get(f"/api/v1/guests/?ordering={ordering}"))
    pages = all_pages(api, f"/api/v1/guests/?ordering={ordering}&page_size=2")
    assert [name for page in pages for name in page] == whole
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    last = f"/api/v1/guests/?ordering={ordering}&page_size=2"
    while api.get(last).json()["next"]:
        last = api.get(last).json()["next"]
    assert [name for page in reversed(all_pages(api, last, "previous")) for name in page] == whole


def test_a_deleted_row_does_not_shift_the_next_page(operator: User, make_guest: MakeGuest, api_for: Api) -> None:
    for number in range(4):
        make_guest(f"g{number}")
    first = api_for(operator).get("/api/v1/guests/?page_size=2").json()
    Guest.objects.filter(name="g0").update(is_missing=True, name="zz")
    assert names(api_for(operator).get(first["next"])) == ["g2", "g3"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=red", "colour"),
        ("ordering=password", "ordering"),
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=x", "page_size"),
        ("cursor=x", "cursor"),
        ("cursor=W1sxXSwgdHJ1ZV0=", "cursor"),
        ("cursor=W1siYSIsICJ4Il0sIGZhbHNlXQ==", "cursor"),
        ("state=on", "state"),
        ("host=1", "host"),
        ("search=%00", "search"),
        ("problems=perhaps", "problems"),
        ("dry_run=true", "dry_run"),
    ],
)
def test_a_query_that_cannot_be_answered_is_400(operator: User, api_for: Api, query: str, field: str) -> None:
    answer = api_for(operator).get(f"/api/v1/guests/?{query}")
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["error"]["details"]["fields"]


def test_filters_and_search(operator: User, make_guest: MakeGuest, host: Host, tenant: Tenant, other_tenant: Tenant, api_for: Api) -> None:
    make_guest("web-1", state="running", tags=["prod"])
    make_guest("db-1", tenant=other_tenant, os="debian12")
    api = api_for(operator)
    assert names(api.get("/api/v1/guests/?state=running")) == ["web-1"]
    assert names(api.get("/api/v1/guests/?tag=prod")) == ["web-1"]
    assert names(api.get(f"/api/v1/guests/?tenant={other_tenant.pk}")) == ["db-1"]
    assert names(api.get(f"/api/v1/guests/?host={host.pk}&os=debian12")) == ["db-1"]
    assert names(api.get("/api/v1/guests/?search=web")) == ["web-1"]
    assert api.get("/api/v1/guests/summary/").json()["by_state"]["running"] == 1


def test_tenants_see_their_own_guests_and_no_hosts(
    member: User, stranger: User, make_guest: MakeGuest, host: Host, pool: Pool, api_for: Api
) -> None:
    guest = make_guest("web-1")
    shown = api_for(member).get(f"/api/v1/guests/{guest.pk}/").json()
    assert shown["host"] is None
    assert shown["allowed_actions"]["start"] == {"allowed": True, "reason": ""}
    assert host.name not in str(shown)
    assert names(api_for(stranger).get("/api/v1/guests/")) == []
    assert api_for(stranger).get(f"/api/v1/guests/{guest.pk}/").status_code == 404
    for path in ("hosts", "pools"):
        assert names(api_for(member).get(f"/api/v1/{path}/")) == []
    assert api_for(member).get(f"/api/v1/hosts/{host.pk}/").status_code == 404


def test_every_shape_in_the_document_is_what_is_answered(
    admin: User, make_guest: MakeGuest, host: Host, pool: Pool, network: Network, image: Image, tenant: Tenant, api_for: Api
) -> None:
    from guests.serializers import GuestShape
    from hosts.serializers import HostShape
    from jobs.serializers import JobShape
    from networks.serializers import NetworkShape
    from storage.serializers import ImageShape, PoolShape, VolumeShape
    from tenants.serializers import TenantShape

    make_guest("web-1")
    Job.objects.create(kind="guest.start", title="Start guest web-1", actor_label="ada", tenant=tenant)
    shapes = {
        "guests": GuestShape,
        "hosts": HostShape,
        "images": ImageShape,
        "pools": PoolShape,
        "volumes": VolumeShape,
        "networks": NetworkShape,
        "jobs": JobShape,
        "tenants": TenantShape,
    }
    for path, shape in shapes.items():
        row = api_for(admin).get(f"/api/v1/{path}/").json()["results"][0]
        assert set(row) == set(shape().fields), path
        detail = api_for(admin).get(f"/api/v1/{path}/{row['id']}/").json()
        assert set(detail) == set(shape().fields), path


def test_reading_changes_nothing(admin: User, make_guest: MakeGuest, api_for: Api, django_assert_max_num_queries: Any) -> None:
    make_guest("web-1")
    api = api_for(admin)
    api.get("/api/v1/me/")
    with django_assert_max_num_queries(12) as captured:
        api.get("/api/v1/guests/")
    assert not [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))]


def test_jobs_are_filtered_and_scoped(member: User, stranger: User, tenant: Tenant, api_for: Api) -> None:
    for kind in ("guest.start", "guest.delete"):
        Job.objects.create(kind=kind, title=kind, actor_label="x", tenant=tenant)
    Job.objects.create(kind="host.preflight", title="system", actor_label="x")
    titles = [job["title"] for job in api_for(member).get("/api/v1/jobs/").json()["results"]]
    assert titles == ["guest.delete", "guest.start"]
    assert len(api_for(member).get("/api/v1/jobs/?kind=guest.start&state=queued,running").json()["results"]) == 1
    assert api_for(member).get("/api/v1/jobs/?state=gone").status_code == 400
    assert api_for(stranger).get("/api/v1/jobs/").json()["results"] == []


def test_the_lean_list_shows_what_the_detail_shows(
    operator: User, member: User, make_guest: MakeGuest, image: Image, network: Network, api_for: Api
) -> None:
    guest = make_guest("a", addresses=["10.0.0.5"], image=image, cpu_percent=3.5)
    two = make_guest("b", addresses=["10.0.0.6", "10.0.0.7"], state="running")
    GuestNic.objects.create(guest=two, mac="52:54:00:aa:bb:cc", position=1)
    GuestDisk.objects.create(guest=two, target="sda", device="cdrom", bus="sata", path="/elsewhere.iso")
    Job.objects.create(kind="guest.start", title="Start", actor_label="x", tenant=guest.tenant, target_id=guest.pk, state="running")
    for user in (operator, member):
        api = api_for(user)
        for row in api.get("/api/v1/guests/").json()["results"]:
            assert row == api.get(f"/api/v1/guests/{row['id']}/").json()
