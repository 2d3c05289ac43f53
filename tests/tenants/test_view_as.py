"""Viewing as a tenant: an owner's sight of one tenant, no change anywhere, begun and ended in the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console import closing
from console.models import ConsoleSession
from console.rights import Grant, Login, lost_rights
from console.services import open_console
from console.tickets import hash_of
from guests.models import Guest
from hosts.models import Host
from kvmweb.errors import NotAllowed
from live.topics import take_snapshot
from tenants.actor import actor_for
from tenants.middleware import session_actor
from tenants.models import AuditEntry, Membership, Tenant, User
from tenants.services.invitations import invite
from tenants.sessions import VIEWS_AS, actor_of_session

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]
MakeGuest = Callable[..., Guest]


def viewing(client: Client, tenant: Tenant) -> Client:
    assert client.post(f"/tenants/{tenant.pk}/view-as/").status_code == 302
    return client


@pytest.fixture
def guests(make_guest: MakeGuest, other_tenant: Tenant) -> tuple[Guest, Guest]:
    return make_guest("web-1"), make_guest("other-1", tenant=other_tenant)


@pytest.mark.parametrize(
    ("person", "status"), [("admin", 302), ("operator", 302), ("auditor", 302), ("owner", 403), ("viewer", 403), ("stranger", 404)]
)
def test_who_may(person: str, status: int, tenant: Tenant, client_for: ClientFor, request: pytest.FixtureRequest) -> None:
    client = client_for(request.getfixturevalue(person))
    assert client.post(f"/tenants/{tenant.pk}/view-as/").status_code == status
    assert (VIEWS_AS in client.session) == (status == 302)
    assert client.get(f"/tenants/{tenant.pk}/view-as/").status_code == 405


@pytest.mark.parametrize("person", ["admin", "operator", "auditor"])
def test_only_that_tenant_is_seen(
    person: str, tenant: Tenant, guests: tuple[Guest, Guest], client_for: ClientFor, request: pytest.FixtureRequest
) -> None:
    mine, foreign = guests
    client = viewing(client_for(request.getfixturevalue(person)), tenant)
    page = client.get("/guests/").content.decode()
    assert "web-1" in page
    assert "other-1" not in page
    assert "You are viewing as tenant" in page
    assert client.get(f"/guests/{mine.pk}/").status_code == 200
    assert client.get(f"/guests/{foreign.pk}/").status_code == 404
    assert client.get("/hosts/").status_code == 404
    assert client.get("/admin/").status_code in (302, 403)
    rest = client.get("/api/v1/guests/").json()["results"]
    assert [row["name"] for row in rest] == ["web-1"]
    assert rest[0]["host"] is None
    me = client.get("/api/v1/me/").json()
    assert me["viewing_as"] == "acme"
    assert me["permissions"] == []


def test_every_button_says_so(admin: User, tenant: Tenant, guests: tuple[Guest, Guest], client_for: ClientFor) -> None:
    client = viewing(client_for(admin), tenant)
    actions = client.get(f"/api/v1/guests/{guests[0].pk}/").json()["allowed_actions"]
    assert not any(answer["allowed"] for verb, answer in actions.items() if verb != "view-console")
    assert "viewing as tenant acme" in actions["start"]["reason"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/api/v1/guests/{guest}/start/", {}),
        ("patch", "/api/v1/guests/{guest}/", {"description": "x"}),
        ("delete", "/api/v1/guests/{guest}/", {}),
        ("post", "/api/v1/guests/{guest}/console/", {"mode": "control"}),
        ("post", "/api/v1/tokens/", {"name": "x"}),
        ("post", "/api/v1/tenants/{tenant}/members/", {"username": "sam", "role": "owner"}),
        ("post", "/api/v1/tenants/{tenant}/invitations/", {"role": "owner"}),
        ("post", "/guests/{guest}/edit/", {"name": "x"}),
        ("post", "/guests/{guest}/delete/", {"confirm_name": "web-1"}),
        ("post", "/tenants/{tenant}/members/add/", {"username": "sam", "role": "owner"}),
        ("post", "/tenants/{tenant}/view-as/", {}),
        ("post", "/tenants/choose/", {"tenant": ""}),
    ],
)
def test_every_change_is_refused_with_the_reason_and_recorded(
    method: str,
    path: str,
    body: dict[str, Any],
    admin: User,
    stranger: User,
    tenant: Tenant,
    guests: tuple[Guest, Guest],
    client_for: ClientFor,
) -> None:
    client = viewing(client_for(admin), tenant)
    before = AuditEntry.objects.filter(outcome="refused").count()
    is_rest = path.startswith("/api/")
    options = {"content_type": "application/json"} if is_rest else {}
    answer = getattr(client, method)(path.format(guest=guests[0].pk, tenant=tenant.pk), body, **options)
    assert answer.status_code == 403, answer.content
    assert "viewing as tenant acme" in answer.content.decode()
    assert AuditEntry.objects.filter(outcome="refused").count() > before
    assert Membership.objects.filter(user=stranger, tenant=tenant).count() == 0


def test_stopping_brings_everything_back_and_both_ends_are_recorded(
    admin: User, tenant: Tenant, guests: tuple[Guest, Guest], client_for: ClientFor
) -> None:
    client = viewing(client_for(admin), tenant)
    for _ in range(2):
        assert client.post("/tenants/stop-viewing/").status_code == 302
    assert client.get(f"/guests/{guests[1].pk}/").status_code == 200
    assert client.get("/hosts/").status_code == 200
    entries = AuditEntry.objects.filter(operation__in=("tenant.view_as", "tenant.stop_view_as"), tenant_id=tenant.pk).order_by("pk")
    assert [(entry.operation, entry.actor_label) for entry in entries] == [("tenant.view_as", "ada"), ("tenant.stop_view_as", "ada")]


def test_sockets_are_narrowed_too(operator: User, tenant: Tenant, guests: tuple[Guest, Guest], host: Host) -> None:
    actor = actor_of_session(operator, {VIEWS_AS: str(tenant.pk)})
    assert take_snapshot(actor, "hosts") is None
    assert take_snapshot(actor, f"guest:{guests[1].pk}") is None
    rows = take_snapshot(actor, "guests")
    assert rows is not None
    assert [row["name"] for row in rows["results"]] == ["web-1"]


def test_a_console_may_be_watched_and_not_used(operator: User, tenant: Tenant, make_guest: MakeGuest) -> None:
    guest = make_guest(state="running")
    actor = actor_of_session(operator, {VIEWS_AS: str(tenant.pk)})
    with pytest.raises(NotAllowed, match="viewing as tenant acme"):
        open_console(actor, guest, kind="vnc", mode="control", login_hash="x")
    assert open_console(actor, guest, kind="vnc", mode="view", login_hash="x").ticket


@pytest.mark.parametrize("what", ["disabled", "deleted"])
def test_a_tenant_that_goes_away_shows_nothing(what: str, operator: User, tenant: Tenant) -> None:
    session = {VIEWS_AS: str(tenant.pk)}
    if what == "disabled":
        Tenant.objects.update(is_active=False)
    else:
        tenant.delete()
    actor = actor_of_session(operator, session)
    assert not actor.roles
    assert not actor.sees_everything
    assert actor.viewing_as


def test_who_lost_the_right_to_view_is_themselves_again(operator: User, tenant: Tenant, other_tenant: Tenant) -> None:
    operator.system_role = ""
    operator.save()
    Membership.objects.create(tenant=other_tenant, user=operator, role="viewer")
    actor = actor_of_session(operator, {VIEWS_AS: str(tenant.pk)})
    assert not actor.viewing_as
    assert actor.tenant_ids == {other_tenant.pk}


def test_a_disabled_tenant_cannot_be_viewed(admin: User, tenant: Tenant, client_for: ClientFor) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(is_active=False)
    assert client_for(admin).post(f"/tenants/{tenant.pk}/view-as/").status_code == 409


def test_the_session_of_a_request_decides(rf: Any, operator: User, tenant: Tenant) -> None:
    request = rf.get("/")
    request.user, request.session = operator, {VIEWS_AS: str(tenant.pk)}
    actor = session_actor(request)
    assert actor is not None
    assert actor.viewing_as == "acme"


def test_an_open_console_closes_when_its_session_begins_to_view(
    operator: User, tenant: Tenant, make_guest: MakeGuest, client_for: ClientFor
) -> None:
    guest, client = make_guest(state="running"), client_for(operator)
    key = client.session.session_key
    row = ConsoleSession.objects.create(
        user=operator,
        guest=guest,
        kind="vnc",
        mode="control",
        ticket_hash="x",
        login_hash=hash_of(key),
        expires_at=timezone.now(),
        opened_at=timezone.now(),
    )
    grant = Grant(row.pk, operator.pk, "control", Login(session_key=key, auth_hash=operator.get_session_auth_hash()))
    assert lost_rights([grant]) == {}
    viewing(client, tenant)
    assert lost_rights([grant]) == {row.pk: closing.RIGHT_LOST}
    assert lost_rights([replace(grant, mode="view")]) == {}
    client.post("/tenants/stop-viewing/")
    assert lost_rights([grant]) == {}


def test_the_record_of_a_refused_page_does_not_hold_the_link_it_was_asked_by(
    admin: User, owner: User, tenant: Tenant, client_for: ClientFor
) -> None:
    link = invite(actor_for(owner), tenant, role="viewer").path
    client = viewing(client_for(admin), tenant)
    assert client.post(link).status_code == 403
    entry = AuditEntry.objects.filter(outcome="refused").latest("pk")
    assert "POST invitation" in entry.message
    assert link.split("/")[2] not in entry.message
