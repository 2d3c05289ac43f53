"""A socket as a browser opens it, and topics over guests that need no other room's snapshot functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.conf import settings
from django.test import Client

from guests.models import Guest
from hosts.models import Host
from kvmweb.asgi import application
from live import topics
from tenants.actor import Actor
from tenants.models import User
from tests.sockets import WebsocketCommunicator

ORIGIN = "http://kvmweb.test"


def list_snapshot(actor: Actor) -> dict[str, Any]:
    return {"results": [{"id": str(row.pk), "name": row.name, "version": row.version} for row in Guest.objects.visible_to(actor)]}


def row_snapshot(actor: Actor, row_id: str) -> dict[str, Any]:
    row = Guest.objects.get_visible(actor, row_id)
    return {"id": str(row.pk), "name": row.name, "version": row.version}


def host_snapshot(actor: Actor, row_id: str) -> dict[str, Any]:
    row = Host.objects.get_visible(actor, row_id)
    return {"id": str(row.pk), "name": row.name, "version": row.version}


def own_snapshot(actor: Actor) -> dict[str, Any]:
    return {"results": [], "of": actor.label}


def own_shape(actor: Actor, data: dict[str, Any]) -> dict[str, Any] | None:
    return data if data["of"] == actor.label else None


def shape(actor: Actor, data: dict[str, Any]) -> dict[str, Any]:
    return data if actor.sees_everything else {key: value for key, value in data.items() if key != "host"}


@pytest.fixture(autouse=True)
def own_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_topics", {})
    here = "tests.live.conftest"
    topics.register_topic("guests", snapshot=f"{here}.list_snapshot", shape=f"{here}.shape")
    topics.register_topic("guest", snapshot=f"{here}.row_snapshot", shape=f"{here}.shape")
    topics.register_topic("host", snapshot=f"{here}.host_snapshot")
    topics.register_topic("consoles", snapshot=f"{here}.own_snapshot", shape=f"{here}.own_shape", is_personal=True)


Connect = Callable[..., Awaitable[WebsocketCommunicator]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """`await connect(user)` is a connected socket; `origin=None` leaves the header out."""
    opened: list[WebsocketCommunicator] = []

    async def open_socket(user: User | None, *, origin: str | None = ORIGIN, token: str = "", expect: bool = True) -> WebsocketCommunicator:
        headers = [(b"host", b"kvmweb.test")]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        if user is not None:
            headers.append((b"cookie", await database_sync_to_async(cookie_of)(user)))
        if token:
            headers.append((b"authorization", f"Token {token}".encode()))
        socket = WebsocketCommunicator(application, "/ws/live/", headers=headers)
        connected, _ = await socket.connect(timeout=5)
        assert connected is expect
        if connected:
            opened.append(socket)
        return socket

    yield open_socket
    for socket in opened:
        await socket.disconnect()


def cookie_of(user: User) -> bytes:
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode()
