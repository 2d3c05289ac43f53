"""Quota on pages: meters, the effect before a form is sent, asking for more and deciding about it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from guests.models import Guest
from storage.models import Image
from tenants.models import Quota, QuotaRequest, Tenant, User
from tests.pages.test_guest_pages import form_for

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]
MakeGuest = Callable[..., Guest]


@pytest.fixture(autouse=True)
def nothing_cached() -> None:
    cache.clear()


def words(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_create_form_says_what_is_used_and_what_it_comes_to(
    member: User, tenant: Tenant, image: Image, pool: object, network: object, make_guest: MakeGuest, client_for: ClientFor
) -> None:
    make_guest("web-1")
    Quota.objects.create(tenant=tenant, guests=10)
    text = words(client_for(member).get("/guests/new/effect/", form_for(tenant, image, count=3)).content.decode())
    assert "Uses 1 of 10, after this 4." in text
    assert "does not fit" not in text
    assert "Running jobs" not in text  # no limit


def test_many_guests_at_once_are_counted_and_what_does_not_fit_says_how_to_ask(
    owner: User, member: User, tenant: Tenant, image: Image, pool: object, network: object, client_for: ClientFor
) -> None:
    Quota.objects.create(tenant=tenant, guests=4, memory_mib=1024, running_jobs=3)
    asked = form_for(tenant, image, count=5)
    effect = client_for(owner).get("/guests/new/effect/", asked).content.decode()
    assert "after this 5. That is 1 too much." in words(effect)
    assert "after this 1.2 GiB. That is 256 MiB too much." in words(effect)
    assert "Running jobs 5 of 3" in words(effect)
    assert f'href="/quota-requests/new/?tenant={tenant.pk}&amp;guests=5&amp;memory_mib=1280&amp;running_jobs=5"' in effect
    effect = client_for(member).get("/guests/new/effect/", asked).content.decode()
    assert "ask an owner of the tenant" in words(effect)
    assert "/quota-requests/" not in effect


def test_a_refused_create_links_to_the_request(
    owner: User, tenant: Tenant, image: Image, pool: object, network: object, client_for: ClientFor
) -> None:
    Quota.objects.create(tenant=tenant, guests=0)
    answer = client_for(owner).post("/guests/new/", form_for(tenant, image))
    assert f'href="/quota-requests/new/?tenant={tenant.pk}&amp;guests=1"' in answer.content.decode()


def test_the_edit_form_changes_the_size_and_shows_the_effect_before(
    member: User, tenant: Tenant, make_guest: MakeGuest, client_for: ClientFor
) -> None:
    guest, client = make_guest("web-1", vcpus=2), client_for(member)
    Quota.objects.create(tenant=tenant, vcpus=3)
    form = {"name": "web-1", "vcpus": 3, "memory_mib": 512}
    assert "Uses 2 of 3, after this 3." in words(client.get(f"/guests/{guest.pk}/edit/effect/", form).content.decode())
    assert "That is 1 too much" in words(client.get(f"/guests/{guest.pk}/edit/effect/", {**form, "vcpus": 4}).content.decode())
    assert client.post(f"/guests/{guest.pk}/edit/", {**form, "vcpus": 4}).status_code == 422
    assert client.post(f"/guests/{guest.pk}/edit/", form).status_code == 302
    guest.refresh_from_db()
    assert guest.vcpus == 3


def test_giving_a_guest_away_shows_what_it_takes_there(
    operator: User, owner: User, tenant: Tenant, other_tenant: Tenant, make_guest: MakeGuest, client_for: ClientFor
) -> None:
    guest = make_guest("web-1")
    Quota.objects.create(tenant=other_tenant, guests=0)
    path = f"/guests/{guest.pk}/transfer/effect/"
    text = words(client_for(operator).get(path, {"tenant": other_tenant.pk}).content.decode())
    assert "Uses 0 of 0, after this 1. That is 1 too much." in text
    # Of a tenant that is not the asker's nothing is told.
    for user, chosen in ((owner, other_tenant.pk), (operator, tenant.pk), (operator, ""), (operator, "x")):
        assert words(client_for(user).get(path, {"tenant": chosen}).content.decode()) == ""


def test_the_size_of_a_running_guest_is_shown_and_not_taken(member: User, make_guest: MakeGuest, client_for: ClientFor) -> None:
    guest, client = make_guest("web-1", state="running"), client_for(member)
    assert "Shut it down to change" in client.get(f"/guests/{guest.pk}/edit/").content.decode()
    client.post(f"/guests/{guest.pk}/edit/", {"name": "web-1", "vcpus": 3, "memory_mib": 512})
    guest.refresh_from_db()
    assert guest.vcpus == 1


def test_an_owner_asks_and_an_admin_approves(owner: User, admin: User, tenant: Tenant, client_for: ClientFor) -> None:
    Quota.objects.create(tenant=tenant, guests=2)
    asking = client_for(owner)
    dialog = asking.get(f"/quota-requests/new/?tenant={tenant.pk}&guests=5").content.decode()
    assert 'value="5"' in dialog
    assert "In use: 0 of 2." in words(dialog)
    assert asking.post("/quota-requests/new/", {"tenant": tenant.pk, "guests": 2, "reason": "x"}).status_code == 422
    assert asking.post("/quota-requests/new/", {"tenant": tenant.pk, "guests": 5, "reason": "The shop."}).status_code == 302
    row = QuotaRequest.objects.get()
    listed = asking.get("/quota-requests/").content.decode()
    assert "Guests 2 → 5" in words(listed)
    assert 'aria-disabled="true"' in listed
    deciding = client_for(admin)
    assert "A request for more quota waits for an answer" in deciding.get("/").content.decode()
    assert deciding.get(f"/quota-requests/{row.pk}/approve/").status_code == 200
    assert deciding.post(f"/quota-requests/{row.pk}/approve/", {"message": ""}).status_code == 302
    assert Quota.objects.get(tenant=tenant).guests == 5
    assert "waits for an answer" not in deciding.get("/").content.decode()


def test_a_decline_needs_a_reason_and_shows_it(owner: User, admin: User, tenant: Tenant, client_for: ClientFor) -> None:
    Quota.objects.create(tenant=tenant, guests=2)
    row = QuotaRequest.objects.create(tenant=tenant, guests=9, reason="x")
    client = client_for(admin)
    assert client.post(f"/quota-requests/{row.pk}/decline/", {"message": ""}).status_code == 422
    assert client.post(f"/quota-requests/{row.pk}/decline/", {"message": "The hosts are full."}).status_code == 302
    assert "The hosts are full." in client_for(owner).get("/quota-requests/").content.decode()


def test_a_request_is_withdrawn(owner: User, tenant: Tenant, client_for: ClientFor) -> None:
    row = QuotaRequest.objects.create(tenant=tenant, guests=9, reason="x")
    assert client_for(owner).post(f"/quota-requests/{row.pk}/withdraw/").status_code == 302
    row.refresh_from_db()
    assert row.state == "cancelled"


def test_a_stranger_finds_no_request(stranger: User, tenant: Tenant, client_for: ClientFor) -> None:
    row = QuotaRequest.objects.create(tenant=tenant, guests=9, reason="secret plans")
    client = client_for(stranger)
    assert "secret plans" not in client.get("/quota-requests/").content.decode()
    assert client.get(f"/quota-requests/{row.pk}/withdraw/").status_code == 404
    assert client.get(f"/quota-requests/new/?tenant={tenant.pk}").status_code == 404


@pytest.mark.parametrize("page", ["/quota-requests/new/?tenant=x", "/quota-requests/?page=x", "/quota-requests/?state=x"])
def test_a_broken_link_is_no_error_of_ours(owner: User, page: str, client_for: ClientFor) -> None:
    assert client_for(owner).get(page).status_code in (200, 400, 404)


def test_meters_are_on_the_overview_and_what_is_nearly_full_needs_attention(
    owner: User, operator: User, tenant: Tenant, other_tenant: Tenant, make_guest: MakeGuest, client_for: ClientFor
) -> None:
    make_guest("web-1")
    Quota.objects.create(tenant=tenant, guests=1, vcpus=100)
    Quota.objects.create(tenant=other_tenant, guests=1)
    seen = words(client_for(owner).get("/").content.decode())
    assert "Guests 1 / 1 used up" in seen
    assert "acme: quota used up" in seen
    seen = words(client_for(operator).get("/").content.decode())
    assert "acme: quota used up Guests 1 of 1" in seen
    assert "globex: quota" not in seen
