"""Invitations by link: one use, a time limit, worth what their maker may do, and never in a log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from kvmweb.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tenants.actor import Actor, actor_for
from tenants.models import AuditEntry, Invitation, Membership, Tenant, User
from tenants.services.invitations import accept_invitation, hash_of, invite, join, revoke_invitation, usable_invitation

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
STRONG = "a-long-enough-phrase-7"


@pytest.fixture
def link(owner_actor: Actor, tenant: Tenant) -> str:
    return invite(owner_actor, tenant, role="member", for_whom="Ida").path


def token_of(link: str) -> str:
    return link.split("/")[2]


def test_rest_shows_the_link_once(owner: User, tenant: Tenant, api_for: Api) -> None:
    path = f"/api/v1/tenants/{tenant.pk}/invitations/"
    made = api_for(owner).post(path, {"role": "viewer", "note": "Ida"})
    assert made.status_code == 201
    token = made.json()["url"].rstrip("/").rsplit("/", 1)[1]
    row = Invitation.objects.get()
    assert row.token_hash == hash_of(token)
    assert token not in str(row.__dict__)
    assert timedelta(days=6, hours=23) < row.expires_at - timezone.now() <= timedelta(days=7)
    listed = api_for(owner).get(path)
    assert listed.json()["results"][0]["state"] == "open"
    assert token not in listed.content.decode()
    assert api_for(owner).delete(f"{path}{row.pk}/").status_code == 204
    assert api_for(owner).delete(f"{path}{row.pk}/").status_code == 409
    assert api_for(owner).get(path).json()["results"][0]["state"] == "withdrawn"


def test_the_link_begins_with_the_installations_own_name(owner: User, tenant: Tenant, api_for: Api, settings: Any) -> None:
    settings.PUBLIC_URL = "https://vm.example.org"
    made = api_for(owner).post(f"/api/v1/tenants/{tenant.pk}/invitations/", {"role": "viewer"}, HTTP_HOST="127.0.0.1")
    assert made.json()["url"].startswith("https://vm.example.org/invite/")


@pytest.mark.parametrize(("person", "status"), [("viewer", 403), ("member", 403), ("auditor", 403), ("stranger", 404), ("operator", 201)])
def test_who_may_invite(person: str, status: int, tenant: Tenant, api_for: Api, request: pytest.FixtureRequest) -> None:
    path = f"/api/v1/tenants/{tenant.pk}/invitations/"
    assert api_for(request.getfixturevalue(person)).post(path, {"role": "viewer"}).status_code == status


def test_looking_at_the_link_changes_nothing(link: str, client: Client, stranger: User, client_for: Callable[[User], Client]) -> None:
    for visitor in (client, client_for(stranger)):
        page = visitor.get(link)
        assert page.status_code == 200
        assert "acme" in page.content.decode()
        assert page["Referrer-Policy"] == "strict-origin"
        assert "no-store" in page["Cache-Control"]
    assert Invitation.objects.get().used_at is None


def test_a_logged_in_person_joins_and_the_link_is_spent(
    link: str, stranger: User, tenant: Tenant, client_for: Callable[[User], Client]
) -> None:
    client = client_for(stranger)
    assert client.post(link).status_code == 302
    assert Membership.objects.get(tenant=tenant, user=stranger).role == "member"
    row = Invitation.objects.get()
    assert row.used_by == stranger
    assert client.get(link).status_code == 404
    assert client.post(link).status_code == 404
    assert AuditEntry.objects.get(operation="tenant.accept_invitation").tenant_id == tenant.pk


def test_somebody_without_an_account_makes_one_and_is_in(link: str, client: Client, tenant: Tenant) -> None:
    given = {"username": "ida", "password": STRONG, "password_again": STRONG}
    assert client.post(link, given).status_code == 302
    user = User.objects.get(username="ida")
    assert user.check_password(STRONG)
    assert user.system_role == ""
    assert Membership.objects.get(tenant=tenant, user=user).role == "member"
    assert client.get("/guests/").status_code == 200


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"password": "short", "password_again": "short"}, "too short"),
        ({"password": "ida-ida-ida", "password_again": "ida-ida-ida", "username": "ida-ida-ida"}, "too similar"),
        ({"password_again": "another-long-phrase-8"}, "differ"),
        ({"username": "OWEN"}, "taken"),
        ({"username": "no spaces please"}, "valid username"),
    ],
)
def test_a_refused_account_is_not_made_and_the_link_stays_good(link: str, client: Client, given: dict[str, str], words: str) -> None:
    before = User.objects.count()
    answer = client.post(link, {"username": "ida", "password": STRONG, "password_again": STRONG, **given})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert User.objects.count() == before
    assert Invitation.objects.get().used_at is None


@pytest.mark.parametrize("why", ["unknown", "withdrawn", "expired", "tenant disabled", "maker demoted", "maker disabled", "maker gone"])
def test_a_link_that_is_good_for_nothing_looks_like_one_that_never_was(
    why: str, link: str, client: Client, owner: User, owner_actor: Actor, tenant: Tenant
) -> None:
    row = Invitation.objects.get()
    match why:
        case "withdrawn":
            revoke_invitation(owner_actor, row)
        case "expired":
            Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "tenant disabled":
            Tenant.objects.update(is_active=False)
        case "maker demoted":
            Membership.objects.filter(user=owner).update(role="member")
        case "maker disabled":
            User.objects.filter(pk=owner.pk).update(is_active=False)
        case "maker gone":
            owner.delete()
    target = "/invite/nothing/" if why == "unknown" else link
    answer = client.get(target)
    missing = client.get("/invite/never-was/")
    assert answer.status_code == missing.status_code == 404
    given = {"username": "ida", "password": STRONG, "password_again": STRONG}
    assert client.post(target, given).status_code == 404
    assert not User.objects.filter(username="ida").exists()


def test_who_has_that_role_already_does_not_spend_the_link(link: str, owner_actor: Actor) -> None:
    row = usable_invitation(token_of(link))
    with pytest.raises(Conflict, match="owner of acme already"):
        accept_invitation(owner_actor, None, row)
    assert usable_invitation(token_of(link)) == row


def test_a_higher_invitation_lifts_a_member(owner_actor: Actor, viewer: User, tenant: Tenant) -> None:
    row = usable_invitation(invite(owner_actor, tenant, role="owner").token)
    accept_invitation(actor_for(viewer), None, row)
    assert Membership.objects.get(tenant=tenant, user=viewer).role == "owner"


def test_a_refusal_while_joining_leaves_no_account_but_its_record(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = usable_invitation(token_of(link))
    Invitation.objects.update(used_at=timezone.now())
    with pytest.raises(NotFound):
        join(row, username="ida", password=STRONG)
    assert not User.objects.filter(username="ida").exists()
    assert AuditEntry.objects.filter(operation="tenant.accept_invitation", outcome="refused").exists()


@pytest.mark.parametrize("days", [-1, 0, 91])
def test_the_time_limit_is_a_limit(days: int, owner_actor: Actor, tenant: Tenant) -> None:
    with pytest.raises(InvalidInput):
        invite(owner_actor, tenant, role="viewer", expires_at=timezone.now() + timedelta(days=days))


def test_a_token_with_scope_operate_lets_nobody_in(owner: User, tenant: Tenant) -> None:
    with pytest.raises(NotAllowed, match="scope admin"):
        invite(actor_for(owner, scope="operate"), tenant, role="viewer")


def test_no_log_line_shows_the_link(link: str, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    from kvmweb.logs import LineFormatter

    with caplog.at_level(logging.DEBUG):
        client.get(link)
        client.post(link, {"username": "ida"})
        client.get(f"/login/?next={link}")
        client.post("/invite/used-up/")
    lines = [LineFormatter().format(record) for record in caplog.records]
    lines += [LineFormatter().format(logging.makeLogRecord({"msg": f"GET {path} 404"})) for path in (link, link.replace("/", "%2F"))]
    assert lines
    assert not [line for line in lines if token_of(link) in line]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_a_link_at_once_one_gets_in(owner_actor: Actor, tenant: Tenant) -> None:
    users = [User.objects.create_user(f"u{number}") for number in range(8)]
    for _ in range(3):
        Membership.objects.filter(user__in=users).delete()
        token = invite(owner_actor, tenant, role="member").token
        rows = [usable_invitation(token) for _ in users]
        barrier, won = threading.Barrier(len(users)), []

        def use(user: User, row: Invitation) -> None:
            barrier.wait()  # noqa: B023
            try:
                accept_invitation(actor_for(user), None, row)
                won.append(user.username)  # noqa: B023
            except NotFound:
                pass
            finally:
                connection.close()

        threads = [threading.Thread(target=use, args=pair) for pair in zip(users, rows, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert Membership.objects.filter(tenant=tenant, user__in=users).count() == 1
