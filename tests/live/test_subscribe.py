"""What a socket answers to subscriptions, and which changes reach it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async

from live import publish
from tests.conftest import make_user
from tests.sockets import WebsocketCommunicator

pytestmark = pytest.mark.django_db(transaction=True)


async def subscribe(socket: WebsocketCommunicator, *topics: str) -> list[dict[str, Any]]:
    await socket.send_json_to({"subscribe": list(topics)})
    return [await socket.receive_json_from(timeout=5) for _ in topics]


@database_sync_to_async
def tell(row: Any, *, version: int, **data: Any) -> None:
    publish.changed("guest", row.pk, tenant_id=row.tenant_id, version=version, data={"id": str(row.pk), **data})


async def test_a_subscriber_gets_a_snapshot_and_then_the_changes(connect, make_guest, member):
    guest = await database_sync_to_async(make_guest)(name="web-1")
    socket = await connect(member)
    [snapshot] = await subscribe(socket, "guests")
    assert (snapshot["type"], [row["name"] for row in snapshot["data"]["results"]]) == ("snapshot", ["web-1"])
    await tell(guest, version=2, state="paused", host="h1")
    assert await socket.receive_json_from(timeout=5) == {
        "topic": "guests",
        "type": "changed",
        "version": 2,
        "data": {"id": str(guest.pk), "state": "paused"},
    }


async def test_an_operator_sees_the_host_of_a_changed_guest(connect, make_guest, operator):
    guest = await database_sync_to_async(make_guest)()
    socket = await connect(operator)
    await subscribe(socket, f"guest:{guest.pk}")
    await tell(guest, version=2, host="h1")
    assert (await socket.receive_json_from(timeout=5))["data"]["host"] == "h1"


async def test_changes_of_another_tenant_never_arrive(connect, make_guest, member, stranger):
    guest = await database_sync_to_async(make_guest)()
    mine, foreign = await connect(member), await connect(stranger)
    await subscribe(mine, "guests")
    await subscribe(foreign, "guests")
    for version in range(2, 22):
        await tell(guest, version=version)
    while (await mine.receive_json_from(timeout=5))["version"] < 21:
        pass
    assert await foreign.receive_nothing(timeout=0.2)


async def test_a_guest_handed_to_another_tenant_stops_arriving(connect, make_guest, member, other_tenant):
    guest = await database_sync_to_async(make_guest)()
    socket = await connect(member)
    await subscribe(socket, f"guest:{guest.pk}")
    guest.tenant_id = other_tenant.pk
    await database_sync_to_async(guest.save)()
    await tell(guest, version=2, state="running")
    assert await socket.receive_json_from(timeout=5) == {"topic": f"guest:{guest.pk}", "type": "refused"}
    await tell(guest, version=3, state="running")
    assert await socket.receive_nothing(timeout=0.2)


async def test_foreign_missing_and_unknown_topics_are_refused_alike(connect, make_guest, host, stranger):
    guest = await database_sync_to_async(make_guest)()
    socket = await connect(stranger)
    topics = [f"guest:{guest.pk}", f"guest:{uuid4()}", "guest:nonsense", "guest:", "guests:x", "nonsense", f"host:{host.pk}"]
    assert await subscribe(socket, *topics) == [{"topic": topic, "type": "refused"} for topic in topics]
    await tell(guest, version=2)
    assert await socket.receive_nothing(timeout=0.1)


@pytest.mark.parametrize(
    "frame", ["nonsense", "[]", "3", '{"subscribe": 3}', '{"subscribe": [3]}', '{"other": []}', '{"subscribe": ["%s"]}' % ("x" * 20000)]
)
async def test_a_frame_we_do_not_know_gets_an_error_and_the_socket_stays(connect, member, frame):
    socket = await connect(member)
    await socket.send_to(text_data=frame)
    assert (await socket.receive_json_from(timeout=5))["type"] == "error"
    assert (await subscribe(socket, "guests"))[0]["type"] == "snapshot"


async def test_a_message_with_more_than_200_topics_is_refused(connect, operator):
    socket = await connect(operator)
    await socket.send_json_to({"subscribe": [f"host:{number}" for number in range(201)]})
    assert (await socket.receive_json_from(timeout=5))["type"] == "error"


async def test_a_socket_carries_200_topics_at_most(connect, operator, host):
    socket = await connect(operator)
    for count in (125, 125):
        await socket.send_json_to({"subscribe": [f"host:{uuid4()}" for _ in range(count)]})
    answers = [await socket.receive_json_from(timeout=5) for _ in range(250)]
    assert sorted({answer["type"] for answer in answers}) == ["error", "refused"]
    assert sum(answer["type"] == "error" for answer in answers) == 50


async def test_a_burst_becomes_the_newest_change_of_each_row(connect, make_guest, member):
    guest = await database_sync_to_async(make_guest)()
    socket = await connect(member)
    await subscribe(socket, "guests")
    await asyncio.sleep(0.05)
    burst = [publish.change("guest", guest.pk, tenant_id=guest.tenant_id, version=v, data={"id": str(guest.pk)}) for v in (5, 3, 9, 8)]
    await database_sync_to_async(publish.changed_many)(burst)
    assert (await socket.receive_json_from(timeout=5))["version"] == 9
    assert await socket.receive_nothing(timeout=0.1)


async def test_a_removed_guest_is_told(connect, make_guest, member):
    guest = await database_sync_to_async(make_guest)()
    socket = await connect(member)
    await subscribe(socket, "guests")
    await database_sync_to_async(publish.removed)("guest", guest.pk, tenant_id=guest.tenant_id, version=7)
    assert await socket.receive_json_from(timeout=5) == {
        "topic": "guests",
        "type": "removed",
        "version": 7,
        "data": {"id": str(guest.pk)},
    }


async def test_what_is_somebodys_own_is_not_shared_with_others_of_the_same_role(connect, member, tenant):
    """What many get alike is made once; a topic of one's own is not alike."""
    twin = await database_sync_to_async(make_user)("twin", tenant=tenant, role="member")
    both = {"mia": await connect(member), "twin": await connect(twin)}
    for socket in both.values():
        await socket.send_json_to({"subscribe": ["consoles"]})
    for name, socket in both.items():
        assert (await socket.receive_json_from(timeout=5))["data"]["of"] == name
    await database_sync_to_async(publish.changed)("console", uuid4(), tenant_id=tenant.pk, version=1, data={"id": "1", "of": "mia"})
    assert (await both["mia"].receive_json_from(timeout=5))["data"]["of"] == "mia"
    assert await both["twin"].receive_nothing(timeout=0.3)
