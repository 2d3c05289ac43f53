"""Who has a console open: who sees it, who may close it, and what a tenant learns of an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.sessions import end_sessions
from console.live import list_snapshot
from console.models import LEASE, ConsoleSession
from console.payload import for_actor, session_payload
from console.selectors import with_people
from console.tickets import hash_of
from guests.models import Guest
from tenants.actor import Actor
from tenants.models import AuditEntry, User

URL = "/api/v1/console-sessions/"
ApiFor = Callable[..., APIClient]


@pytest.fixture
def guest(make_guest: Callable[..., Guest]) -> Guest:
    return make_guest(state="running")


@pytest.fixture
def open_for(guest: Guest) -> Callable[..., ConsoleSession]:
    def make(user: User, **fields: Any) -> ConsoleSession:
        now = timezone.now()
        row = {"guest": guest, "kind": "vnc", "mode": "control", "address": "192.0.2.7", "opened_at": now, "seen_at": now, "active_at": now}
        return ConsoleSession.objects.create(user=user, ticket_hash=uuid4().hex, expires_at=now, **{**row, **fields})

    return make


def listed(client: APIClient) -> set[str]:
    return {row["id"] for row in client.get(URL).json()["results"]}


def test_owners_see_all_of_their_tenant_others_their_own_and_strangers_nothing(
    open_for: Any, api_for: ApiFor, owner: User, member: User, viewer: User, operator: User, auditor: User, stranger: User
) -> None:
    of_member, of_viewer = open_for(member), open_for(viewer, mode="view")
    both = {str(of_member.pk), str(of_viewer.pk)}
    assert [listed(api_for(who)) for who in (owner, operator, auditor)] == [both, both, both]
    assert listed(api_for(member)) == {str(of_member.pk)}
    assert listed(api_for(stranger)) == set()


def test_closed_unopened_and_dead_consoles_are_not_listed(open_for: Any, api_for: ApiFor, operator: User, member: User) -> None:
    now = timezone.now()
    open_for(member, closed_at=now)
    open_for(member, opened_at=None)
    open_for(member, seen_at=now - LEASE)
    assert listed(api_for(operator)) == set()


def test_an_owner_closes_a_console_and_it_is_audited(open_for: Any, api_for: ApiFor, owner: User, member: User) -> None:
    row = open_for(member)
    assert api_for(owner).delete(f"{URL}{row.pk}/").status_code == 204
    row.refresh_from_db()
    assert (row.revoked_at is not None, row.is_kicked) == (True, True)
    entry = AuditEntry.objects.get(operation="console.kick")
    assert (entry.outcome, entry.actor_label, "mia" in entry.target_name, entry.tenant_id) == ("done", "owen", True, row.tenant_id)


def test_a_member_may_not_close_even_their_own_and_a_stranger_finds_nothing(
    open_for: Any, api_for: ApiFor, member: User, viewer: User, stranger: User, auditor: User
) -> None:
    row = open_for(member)
    assert api_for(member).delete(f"{URL}{row.pk}/").status_code == 403
    assert api_for(auditor).delete(f"{URL}{row.pk}/").status_code == 403
    foreign, missing = (api_for(stranger).delete(f"{URL}{pk}/") for pk in (row.pk, uuid4()))
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert api_for(viewer).delete(f"{URL}{row.pk}/").status_code == 404
    assert not ConsoleSession.objects.exclude(revoked_at=None).exists()


def test_a_tenant_learns_that_an_operator_looks_but_not_who_and_from_where(
    open_for: Any, owner_actor: Actor, operator: User, operator_actor: Actor, member: User
) -> None:
    open_for(operator)
    payload = session_payload(with_people(ConsoleSession.objects.all()).get())
    seen = for_actor(owner_actor, payload)
    assert seen is not None
    assert (seen["user"], seen["address"]) == ({"id": None, "name": "an operator"}, "")
    assert "olga" not in str(seen)
    assert for_actor(operator_actor, payload)["user"]["name"] == "olga"


def test_a_published_console_reaches_only_who_may_see_it(
    open_for: Any, member: User, member_actor: Actor, viewer_actor: Actor, owner_actor: Actor, stranger_actor: Actor
) -> None:
    open_for(member)
    payload = session_payload(with_people(ConsoleSession.objects.all()).get())
    assert [for_actor(who, payload) is not None for who in (member_actor, owner_actor, viewer_actor, stranger_actor)] == [
        True,
        True,
        False,
        False,
    ]
    assert len(list_snapshot(owner_actor)["results"]) == 1
    assert list_snapshot(viewer_actor) == {"results": [], "summary": {"open": 0}}


def test_the_page_lists_consoles_and_closes_one_after_asking(
    open_for: Any, client_for: Callable[[User], Client], owner: User, member: User, guest: Guest
) -> None:
    row = open_for(member)
    client = client_for(owner)
    assert b"mia" in client.get("/consoles/").content
    assert b"At its console now" in client.get(f"/guests/{guest.pk}/consoles/").content
    assert b"Close the console of mia" in client.get(f"/consoles/{row.pk}/kick/").content
    assert client.post(f"/consoles/{row.pk}/kick/").status_code == 302
    row.refresh_from_db()
    assert row.is_kicked


def test_the_page_of_a_member_says_why_they_cannot_close_it(open_for: Any, client_for: Callable[[User], Client], member: User) -> None:
    row = open_for(member)
    client = client_for(member)
    assert "role owner" in client.get("/consoles/").content.decode()
    assert client.post(f"/consoles/{row.pk}/kick/").status_code == 403


@pytest.mark.parametrize("how", ["log out", "end from elsewhere", "disappear"])
def test_a_login_that_ends_takes_its_consoles_with_it(how: str, open_for: Any, client_for: Callable[[User], Client], member: User) -> None:
    """Also those that showed no cookie, as through a gateway under another name: nothing else tells them from the other logins'."""
    client, other = client_for(member), client_for(member)
    for each in (client, other):
        each.get("/guests/")
    rows = [open_for(member, login_hash=hash_of(str(each.session.session_key))) for each in (client, other)]
    if how == "log out":
        client.post("/logout/")
    elif how == "end from elsewhere":
        end_sessions(member, keep=other.session.session_key)
    else:
        Session.objects.get(session_key=client.session.session_key).delete()
    assert [bool(ConsoleSession.objects.get(pk=row.pk).revoked_at) for row in rows] == [True, False]
