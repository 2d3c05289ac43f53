"""Who may open a live socket, and how it closes when the right is lost."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.contrib.sessions.models import Session

from live import hub
from tenants.models import ApiToken, Membership, Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick_recheck(monkeypatch):
    monkeypatch.setattr(hub, "RECHECK_S", 0.1)


@pytest.mark.parametrize(
    "origin", [None, "", "null", "http://evil.test", "https://kvmweb.test", "http://kvmweb.test:81", "http://kvmweb.test.evil"]
)
async def test_a_page_of_another_origin_is_refused(connect, member, origin):
    await connect(member, origin=origin, expect=False)


async def test_nobody_is_turned_away_with_4401(connect):
    socket = await connect(None)
    assert await socket.receive_output(5) == {"type": "websocket.close", "code": 4401}


async def test_a_script_connects_with_a_token_and_without_origin(connect, member):
    _, key = await database_sync_to_async(ApiToken.objects.create)(user=member, name="script")
    socket = await connect(None, origin=None, token=key)
    await socket.send_json_to({"subscribe": ["guests"]})
    assert (await socket.receive_json_from(timeout=5))["type"] == "snapshot"


async def test_a_wrong_token_is_turned_away_even_beside_a_good_cookie(connect, member):
    socket = await connect(member, token="0" * 64)
    assert await socket.receive_output(5) == {"type": "websocket.close", "code": 4401}


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


def lose_membership(user):
    Membership.objects.filter(user=user).delete()


def change_role(user):
    Membership.objects.filter(user=user).update(role="viewer")


def close_tenant(user):
    Tenant.objects.update(is_active=False)


@pytest.mark.parametrize("loss", [log_out, disable, change_password, lose_membership, change_role, close_tenant])
async def test_losing_the_right_closes_the_socket(connect, member, loss):
    socket = await connect(member)
    assert await socket.receive_nothing(timeout=0.4)
    await database_sync_to_async(loss)(member)
    assert await socket.receive_output(5) == {"type": "websocket.close", "code": 4403}


async def test_a_deleted_token_closes_its_socket(connect, member):
    token, key = await database_sync_to_async(ApiToken.objects.create)(user=member, name="script")
    socket = await connect(None, origin=None, token=key)
    assert await socket.receive_nothing(timeout=0.3)
    await database_sync_to_async(token.delete)()
    assert (await socket.receive_output(5))["code"] == 4403
