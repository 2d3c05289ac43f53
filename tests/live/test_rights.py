"""Who may open a live socket, how it closes when the login ends, and what it still sends when only rights change."""

from __future__ import annotations

import asyncio
import threading

import pytest
from channels.db import database_sync_to_async
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from live import hub, publish, rights
from tenants.models import ApiToken, Membership, Tenant

pytestmark = pytest.mark.django_db(transaction=True)
CLOSED_AS_NOBODY = {"type": "websocket.close", "code": 4401, "reason": "You are not logged in. Log in again."}


@pytest.fixture
def quick_recheck(monkeypatch):
    monkeypatch.setattr(hub, "RECHECK_S", 0.1)


@pytest.fixture
def no_recheck(monkeypatch):
    """Only what is told over the bus counts."""
    monkeypatch.setattr(hub, "RECHECK_S", 600)


@pytest.mark.parametrize(
    "origin", [None, "", "null", "http://evil.test", "https://kvmweb.test", "http://kvmweb.test:81", "http://kvmweb.test.evil"]
)
async def test_a_page_of_another_origin_is_refused(connect, member, origin):
    await connect(member, origin=origin, expect=False)


async def test_nobody_is_turned_away_with_4401(connect):
    socket = await connect(None)
    assert await socket.receive_output(5) == CLOSED_AS_NOBODY


async def test_a_script_connects_with_a_token_and_without_origin(connect, member):
    _, key = await database_sync_to_async(ApiToken.objects.create)(user=member, name="script")
    socket = await connect(None, origin=None, token=key)
    await socket.send_json_to({"subscribe": ["guests"]})
    assert (await socket.receive_json_from(timeout=5))["type"] == "snapshot"


async def test_a_wrong_token_is_turned_away_even_beside_a_good_cookie(connect, member):
    socket = await connect(member, token="0" * 64)
    assert await socket.receive_output(5) == CLOSED_AS_NOBODY


async def test_a_foreign_page_cannot_use_a_token_header(connect, member):
    _, key = await database_sync_to_async(ApiToken.objects.create)(user=member, name="script")
    await connect(None, origin="http://evil.test", token=key, expect=False)


def log_out(user):
    Session.objects.all().delete()


def disable(user):
    user.is_active = False
    user.save()


def change_password(user):
    user.set_password("another long password")
    user.save()


def delete_user(user):
    user.delete()


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [(log_out, 4401, "logged out"), (change_password, 4401, "password"), (disable, 4403, "disabled"), (delete_user, 4403, "disabled")],
)
async def test_a_login_that_ended_closes_the_socket_at_once_and_says_why(connect, member, no_recheck, end, code, says):
    socket = await connect(member)
    assert await socket.receive_nothing(timeout=0.2)
    await database_sync_to_async(end)(member)
    closed = await socket.receive_output(2)
    assert (closed["type"], closed["code"], says in closed["reason"]) == ("websocket.close", code, True)


@pytest.mark.parametrize(
    "end", [lambda token: token.delete(), lambda token: ApiToken.objects.filter(pk=token.pk).update(expiry="2020-01-01T00:00Z")]
)
async def test_a_token_that_ended_closes_its_socket(connect, member, quick_recheck, end):
    token, key = await database_sync_to_async(ApiToken.objects.create)(user=member, name="script")
    socket = await connect(None, origin=None, token=key)
    assert await socket.receive_nothing(timeout=0.3)
    await database_sync_to_async(end)(token)
    closed = await socket.receive_output(5)
    assert (closed["code"], "token" in closed["reason"]) == (4401, True)


def lose_membership(user):
    Membership.objects.get(user=user).delete()


def close_tenant(user):
    tenant = Tenant.objects.get(name="acme")
    tenant.is_active = False
    tenant.save()


def lose_it_behind_our_back(user):
    Membership.objects.filter(user=user)._raw_delete("default")


async def watching(connect, user, guest):
    socket = await connect(user)
    await socket.send_json_to({"subscribe": ["guests", f"guest:{guest.pk}"]})
    assert [(await socket.receive_json_from(timeout=5))["type"] for _ in range(2)] == ["snapshot", "snapshot"]
    return socket


@database_sync_to_async
def tell(guest, version, **more):
    publish.changed("guest", guest.pk, tenant_id=guest.tenant_id, version=version, data={"id": str(guest.pk)}, **more)


@pytest.mark.parametrize("loss", [lose_membership, close_tenant])
async def test_a_lost_tenant_is_refused_at_once_and_nothing_of_it_is_sent_any_more(connect, member, make_guest, no_recheck, loss):
    guest = await database_sync_to_async(make_guest)()
    socket = await watching(connect, member, guest)
    await database_sync_to_async(loss)(member)
    await tell(guest, 2)
    snapshot, refused = [await socket.receive_json_from(timeout=2) for _ in range(2)]
    assert (snapshot["topic"], snapshot["data"]["results"]) == ("guests", [])
    assert refused == {"topic": f"guest:{guest.pk}", "type": "refused"}
    await tell(guest, 3)
    assert await socket.receive_nothing(timeout=0.2)


async def test_what_nobody_told_is_found_by_the_periodic_check(connect, member, make_guest, quick_recheck):
    guest = await database_sync_to_async(make_guest)()
    socket = await watching(connect, member, guest)
    await database_sync_to_async(lose_it_behind_our_back)(member)
    assert [(await socket.receive_json_from(timeout=5))["type"] for _ in range(2)] == ["snapshot", "refused"]


async def test_while_rights_are_looked_at_nothing_is_sent(connect, member, make_guest, no_recheck, monkeypatch):
    guest = await database_sync_to_async(make_guest)()
    socket = await watching(connect, member, guest)
    go_on = threading.Event()
    review = rights.review
    monkeypatch.setattr(rights, "review", lambda known: go_on.wait(10) and review(known))
    await database_sync_to_async(lose_membership)(member)
    await tell(guest, 2)
    assert await socket.receive_nothing(timeout=0.5)
    go_on.set()
    assert [(await socket.receive_json_from(timeout=5))["type"] for _ in range(2)] == ["snapshot", "refused"]


async def test_a_new_membership_shows_its_guests_without_a_reload(connect, stranger, make_guest, tenant, no_recheck):
    await database_sync_to_async(make_guest)(name="web-1")
    socket = await connect(stranger)
    await socket.send_json_to({"subscribe": ["guests"]})
    assert (await socket.receive_json_from(timeout=5))["data"]["results"] == []
    await database_sync_to_async(Membership.objects.create)(user=stranger, tenant=tenant, role="viewer")
    assert [row["name"] for row in (await socket.receive_json_from(timeout=2))["data"]["results"]] == ["web-1"]


async def test_viewing_as_a_tenant_narrows_the_open_socket_and_going_back_widens_it(
    connect, operator, make_guest, other_tenant, no_recheck
):
    await database_sync_to_async(make_guest)(name="web-1")
    socket = await connect(operator)
    await socket.send_json_to({"subscribe": ["guests"]})
    assert len((await socket.receive_json_from(timeout=5))["data"]["results"]) == 1

    def view_as(tenant_id):
        session = SessionStore(Session.objects.get().session_key)
        session["views_as"] = tenant_id
        session.save()

    await database_sync_to_async(view_as)(str(other_tenant.pk))
    assert (await socket.receive_json_from(timeout=2))["data"]["results"] == []
    await database_sync_to_async(view_as)(None)
    assert len((await socket.receive_json_from(timeout=2))["data"]["results"]) == 1


async def test_a_guest_handed_over_leaves_the_old_tenants_page(connect, member, make_guest, other_tenant, stranger, no_recheck):
    guest = await database_sync_to_async(make_guest)()
    mine = await watching(connect, member, guest)
    theirs = await connect(stranger)
    await theirs.send_json_to({"subscribe": ["guests"]})
    assert (await theirs.receive_json_from(timeout=5))["type"] == "snapshot"
    old, guest.tenant_id = guest.tenant_id, other_tenant.pk
    await database_sync_to_async(guest.save)()
    await tell(guest, 2, left_tenant_id=old)
    assert [await mine.receive_json_from(timeout=2) for _ in range(2)] == [
        {"topic": "guests", "type": "removed", "version": 2, "data": {"id": str(guest.pk)}},
        {"topic": f"guest:{guest.pk}", "type": "refused"},
    ]
    assert (await theirs.receive_json_from(timeout=2))["type"] == "changed"


async def test_one_user_has_only_so_many_sockets(connect, member, settings):
    settings.LIVE_SOCKETS_PER_USER = 3
    sockets = [await connect(member) for _ in range(3)]
    one_more = await connect(member)
    assert (await one_more.receive_output(5))["code"] == 4429
    await sockets[0].disconnect()
    assert await (await connect(member)).receive_nothing(timeout=0.2)


async def test_ten_thousand_subscriptions_hold_up_nobody_else(connect, member, stranger, make_guest, monkeypatch):
    monkeypatch.setattr(hub, "BURST_TOPICS", 50)
    await database_sync_to_async(make_guest)()
    greedy, patient = await connect(member), await connect(stranger)
    for _ in range(10_000):
        await greedy.send_json_to({"subscribe": ["guests"]})
    started = asyncio.get_running_loop().time()
    await patient.send_json_to({"subscribe": ["guests"]})
    assert (await patient.receive_json_from(timeout=2))["type"] == "snapshot"
    assert asyncio.get_running_loop().time() - started < 1
    answers = 0
    while not await greedy.receive_nothing(timeout=0.05) and answers < 500:
        await greedy.receive_json_from()
        answers += 1
        if asyncio.get_running_loop().time() - started > 2:
            break
    assert answers <= 50 + 2 * hub.TOPICS_PER_S
