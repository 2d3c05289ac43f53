"""The list and the page of guests: cost, search, paging, who sees what, what a refused form keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from guests.models import Guest
from hosts.models import Host
from jobs.models import Job
from storage.models import Image
from tenants.models import Quota, Tenant, User

MakeGuest = Callable[..., Guest]
ClientFor = Callable[[User], Client]
MOST_QUERIES = 12


@pytest.fixture(autouse=True)
def no_cached_counts() -> None:
    cache.clear()


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def names_on(client: Client, path: str) -> list[str]:
    return [row["name"] for row in client.get(path).context["rows"]]


def test_the_list_takes_the_same_few_queries_for_any_number_of_guests(admin: User, make_guest: MakeGuest, client_for: ClientFor) -> None:
    client = client_for(admin)
    make_guest("web-0")
    few = queries_of(client, "/guests/")
    for number in range(1, 40):
        make_guest(f"web-{number}", state="running" if number % 2 else "crashed")
    cache.clear()
    assert queries_of(client, "/guests/") <= max(few, MOST_QUERIES)


def test_the_list_pages_by_key_in_both_directions(admin: User, make_guest: MakeGuest, client_for: ClientFor) -> None:
    client = client_for(admin)
    for number in range(120):
        make_guest(f"g-{number:03d}", memory_mib=512 + number % 3)
    for ordering in ("name", "-name", "memory_mib", "-memory_mib", "-cpu_percent", "created_at"):
        page = client.get(f"/guests/?ordering={ordering}").context
        seen = [row["name"] for row in page["rows"]]
        first = list(seen)
        while page["page"].next:
            last_next = page["page"].next
            page = client.get(f"/guests/?ordering={ordering}&page={last_next}").context
            seen += [row["name"] for row in page["rows"]]
        assert (len(seen), len(set(seen))) == (120, 120), ordering
        while page["page"].previous:
            page = client.get(f"/guests/?ordering={ordering}&page={page['page'].previous}").context
        assert [row["name"] for row in page["rows"]] == first, ordering


@pytest.mark.parametrize("page", ["x", "AAAA", "WzAsIDEsIDJd", "%00", "WzAsIm5hbWUiLCJub3QtYS11dWlkIl0"])
def test_a_broken_page_link_says_so(admin: User, client_for: ClientFor, page: str) -> None:
    answer = client_for(admin).get(f"/guests/?page={page}")
    assert answer.status_code == 400
    assert "link to a page of the list is broken" in answer.content.decode()


def test_search_and_chips_narrow_the_list(admin: User, make_guest: MakeGuest, client_for: ClientFor) -> None:
    client = client_for(admin)
    make_guest("web-1", state="running", tags=["prod"])
    make_guest("db-1", state="shutoff")
    assert names_on(client, "/guests/?search=web") == ["web-1"]
    assert names_on(client, "/guests/?search=prod") == ["web-1"]
    assert names_on(client, "/guests/?state=shutoff") == ["db-1"]
    assert "Nothing matches" in client.get("/guests/?search=zzz").content.decode()


def test_htmx_gets_the_table_and_back_gets_the_page(admin: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    assert "<html" not in client.get("/guests/", headers={"HX-Request": "true"}).content.decode()
    again = client.get("/guests/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in again.content.decode()


def test_a_tenant_sees_its_own_guests_and_no_host(
    owner: User, stranger: User, make_guest: MakeGuest, client_for: ClientFor, host: Host
) -> None:
    guest = make_guest("web-1", state="running")
    for path in ("/guests/", f"/guests/{guest.pk}/", f"/guests/{guest.pk}/?tab=hardware", "/", "/guests/new/"):
        text = client_for(owner).get(path).content.decode()
        assert [word for word in ("/hosts/", f">{host.name}<") if word in text] == [], path
    assert names_on(client_for(stranger), "/guests/") == []
    for path in (f"/guests/{guest.pk}/", f"/guests/{guest.pk}/menu/", f"/guests/{guest.pk}/edit/", f"/guests/{guest.pk}/delete/"):
        assert client_for(stranger).get(path).status_code == 404, path
    assert client_for(stranger).post(f"/guests/{guest.pk}/delete/", {"confirm_name": "web-1"}).status_code == 404
    assert Job.objects.count() == 0


def test_a_disabled_button_says_why(viewer: User, make_guest: MakeGuest, client_for: ClientFor) -> None:
    text = client_for(viewer).get(f"/guests/{make_guest('web-1').pk}/").content.decode()
    assert 'data-tip="This needs the role member.' in text


def form_for(tenant: Tenant, image: Image, **fields: Any) -> dict[str, Any]:
    return {
        "name": "new-1",
        "tenant": tenant.pk,
        "image": image.pk,
        "vcpus": 1,
        "memory_mib": 256,
        "disk_gib": 1,
        "count": 1,
        "start": "on",
        **fields,
    }


def test_create_leads_to_the_guest_with_its_job(
    member: User, tenant: Tenant, image: Image, pool: object, network: object, client_for: ClientFor
) -> None:
    answer = client_for(member).post("/guests/new/", form_for(tenant, image))
    guest = Guest.objects.get(name="new-1")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/guests/{guest.pk}/")
    assert Job.objects.get().target_id == guest.pk
    assert "creating…" in client_for(member).get(f"/guests/{guest.pk}/").content.decode()


def test_a_refused_create_marks_the_field_and_keeps_what_was_typed(
    member: User, tenant: Tenant, image: Image, pool: object, network: object, client_for: ClientFor
) -> None:
    answer = client_for(member).post("/guests/new/", form_for(tenant, image, name="Not A Name", description="keep me", vcpus=3))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Lower-case letters" in answer.context["form"].errors["name"][0]
    assert "keep me" in text
    assert 'value="Not A Name"' in text
    assert 'value="3"' in text
    assert not Guest.objects.exists()


def test_quota_is_shown_before_and_refused_at_the_create(
    member: User, tenant: Tenant, image: Image, pool: object, network: object, client_for: ClientFor
) -> None:
    Quota.objects.create(tenant=tenant, vcpus=2)
    client = client_for(member)
    effect = client.get("/guests/new/effect/", form_for(tenant, image, vcpus=4)).content.decode()
    assert "4" in effect
    assert "bad-text" in effect
    answer = client.post("/guests/new/", form_for(tenant, image, vcpus=4))
    assert answer.status_code == 422
    assert "uses 0 of 2 vCPUs; this needs 4 more" in answer.content.decode()


def test_delete_asks_for_the_name_and_says_no_to_another(member: User, make_guest: MakeGuest, client_for: ClientFor) -> None:
    guest = make_guest("web-1")
    client = client_for(member)
    path = f"/guests/{guest.pk}/delete/"
    assert "disk vda" in client.get(path).content.decode()
    assert client.post(path, {"confirm_name": "web-2", "delete_disks": "on"}).status_code == 422
    assert Job.objects.count() == 0
    assert client.post(path, {"confirm_name": "web-1", "delete_disks": "on"}).headers["Location"] == "/guests/"
    assert Job.objects.get().kind == "guest.delete"
