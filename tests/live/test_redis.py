"""With a real redis: changes cross it, losing it is told and made good, and the publisher never suffers."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from channels.db import database_sync_to_async

from kvmweb import heartbeat
from live import bus, hub, publish

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed"),
]


class Redis:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.folder / "r.sock"), "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        limit = time.monotonic() + 5
        while not (self.folder / "r.sock").exists() and time.monotonic() < limit:
            time.sleep(0.01)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        (self.folder / "r.sock").unlink(missing_ok=True)


@pytest.fixture
def redis(settings) -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="kr-") as folder:
        settings.LIVE_IN_PROCESS = False
        settings.REDIS_URL = f"unix://{folder}/r.sock"
        bus._client.cache_clear()
        bus._silent_pid = 0
        one = Redis(Path(folder))
        one.start()
        for thread in threading.enumerate():
            if thread.name == "live-bus":
                thread.join(5)  # of an earlier test: it has been waiting for a redis to tell of what was lost
        bus._silent_pid = 0
        yield one
        one.kill()
        bus._client.cache_clear()
        bus._silent_pid = 0


def tell(guest, version: int) -> None:
    publish.changed("guest", guest.pk, tenant_id=guest.tenant_id, version=version, data={"id": str(guest.pk)})


async def subscribed(connect, user):
    socket = await connect(user)
    await socket.send_json_to({"subscribe": ["guests"]})
    assert (await socket.receive_json_from())["type"] == "snapshot"
    return socket


async def test_a_change_crosses_redis(redis, connect, make_guest, member):
    guest = await database_sync_to_async(make_guest)()
    socket = await subscribed(connect, member)
    await database_sync_to_async(tell)(guest, 2)
    assert (await socket.receive_json_from())["version"] == 2


async def test_losing_redis_is_told_and_its_return_brings_a_fresh_snapshot(redis, connect, make_guest, member):
    socket = await subscribed(connect, member)
    redis.kill()
    assert await socket.receive_json_from() == {"type": "stalled"}
    guest = await database_sync_to_async(make_guest)(name="made-meanwhile")
    redis.start()
    assert await socket.receive_json_from(timeout=10) == {"type": "flowing"}
    snapshot = await socket.receive_json_from()
    assert [row["name"] for row in snapshot["data"]["results"]] == ["made-meanwhile"]
    await database_sync_to_async(tell)(guest, 2)
    assert (await socket.receive_json_from())["version"] == 2


async def test_a_change_that_could_not_be_sent_is_made_good_by_a_snapshot(redis, connect, make_guest, member):
    redis.kill()
    guest = await database_sync_to_async(make_guest)()
    await database_sync_to_async(tell)(guest, 2)  # lost: nobody listens
    redis.start()
    socket = await subscribed(connect, member)
    await database_sync_to_async(tell)(guest, 3)  # dropped: the sender is still silent
    assert (await socket.receive_json_from())["type"] == "snapshot"
    await database_sync_to_async(tell)(guest, 4)
    assert (await socket.receive_json_from())["version"] == 4


async def test_a_socket_opens_and_shows_the_truth_while_redis_is_away(redis, connect, make_guest, member):
    redis.kill()
    await database_sync_to_async(make_guest)(name="web-1")
    socket = await connect(member)
    await socket.send_json_to({"subscribe": ["guests"]})
    assert [(await socket.receive_json_from())["type"] for _ in range(2)] == ["stalled", "snapshot"]
    redis.start()
    assert [(await socket.receive_json_from())["type"] for _ in range(2)] == ["flowing", "snapshot"]


async def test_nobody_watching_the_hosts_is_told(redis, connect, member, monkeypatch):
    monkeypatch.setattr(hub, "RECHECK_S", 0.1)
    heartbeat._client.cache_clear()
    heartbeat.beat("watcher")
    socket = await subscribed(connect, member)
    assert await socket.receive_nothing(timeout=0.4)
    heartbeat._client().flushall()
    assert await socket.receive_json_from() == {"type": "stalled"}
    heartbeat.beat("watcher")
    assert [(await socket.receive_json_from())["type"] for _ in range(2)] == ["flowing", "snapshot"]
    heartbeat._client.cache_clear()


def test_publishing_without_redis_costs_nothing_and_raises_nothing(redis, make_guest):
    guest = make_guest()
    redis.kill()
    tell(guest, 2)
    started = time.perf_counter()
    for version in range(200):
        tell(guest, version)
    assert time.perf_counter() - started < 0.5


def test_publishing_takes_well_below_a_millisecond(redis, make_guest):
    guest = make_guest()
    tell(guest, 1)
    started = time.perf_counter()
    for version in range(300):
        tell(guest, version)
    took_ms = (time.perf_counter() - started) / 300 * 1000
    print(f"publish: {took_ms:.3f} ms")
    assert took_ms < 2
