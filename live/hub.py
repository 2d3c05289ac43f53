"""The receiving side of the bus: one per event loop, shared by its sockets. Hands changes on, and looks after the rights of its sockets.

When redis was away messages may be lost, so every socket is told to take fresh snapshots once it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import redis.asyncio as aioredis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from kvmweb import heartbeat
from live import bus, rights
from live.pace import Pace
from live.shared import Snapshots
from live.threads import off_loop

logger = logging.getLogger(__name__)

RECHECK_S = 3.0
"""The net below `bus.RIGHTS`: a right lost in whatever way takes effect within 5 s."""
RETRY_S = 1.0
BURST_TOPICS, TOPICS_PER_S = 1000, 50
"""What one user may ask of one process, over all sockets: each topic of a subscription is a query, each message counts like one."""


class Receiver(Protocol):
    login: rights.Login | None
    """None while it is not known yet who that is."""
    standing: rights.Standing

    def on_changes(self, changes: list[dict[str, Any]]) -> None: ...
    def on_link(self, *, is_up: bool) -> None:
        """Changes stopped arriving (redis or the watcher is away), or arrive again: then snapshots are due."""

    def on_doubt(self) -> None:
        """Rights may have changed: nothing may be sent until they were looked at."""

    def on_settled(self) -> None:
        """They were. After `on_standing` where they changed."""

    def on_standing(self, standing: rights.Standing) -> None: ...

    async def on_ended(self, why: rights.Ended) -> None: ...


class Hub:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.receivers: set[Receiver] = set()
        self._paces: dict[UUID, Pace] = {}
        self._doubts = 0
        self._is_doubted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_linked = asyncio.Event()
        self._is_watched = True
        self.snapshots = Snapshots()

    async def join(self, receiver: Receiver) -> None:
        """Returns when changes are being heard, so that a snapshot taken now misses none; after 1 s at most when redis is away."""
        self.receivers.add(receiver)
        if not self._tasks:
            listen = self._no_redis() if settings.LIVE_IN_PROCESS else self._listen()
            self._tasks = [asyncio.create_task(listen), asyncio.create_task(self._recheck())]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_linked.wait(), 1.0)
        if not (self._is_linked.is_set() and self._is_watched):
            receiver.on_link(is_up=False)

    async def leave(self, receiver: Receiver) -> None:
        self.receivers.discard(receiver)
        if not self.receivers:
            self._paces.clear()
            tasks, self._tasks = self._tasks, []
            self._is_linked.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def sockets_of(self, user_id: UUID) -> int:
        return Counter(receiver.login.user_id for receiver in self.receivers if receiver.login)[user_id]

    def pace_of(self, user_id: UUID) -> Pace:
        return self._paces.setdefault(user_id, Pace(burst=BURST_TOPICS, per_s=TOPICS_PER_S))

    def deliver(self, message: bytes) -> None:
        if message == bus.RIGHTS:
            self._doubt()
            return
        changes = orjson.loads(message)
        for receiver in list(self.receivers):
            try:
                if changes:
                    receiver.on_changes(changes)
                else:  # bus.RESYNC
                    receiver.on_link(is_up=True)
            except Exception:
                logger.exception("A live socket could not take a change.")

    async def _no_redis(self) -> None:
        self._is_linked.set()

    async def _listen(self) -> None:
        while True:
            # No retries inside the client: it would reconnect silently and nobody would know that messages were lost.
            client = aioredis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2)
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.subscribe(bus.channel())
                    async for message in pubsub.listen():
                        if message["type"] == "subscribe":
                            self._set_link(is_up=True)
                        elif message["type"] == "message":
                            self.deliver(message["data"])
            except (RedisError, OSError) as error:
                logger.warning("The live bus is down: %s. Trying again.", error)
            finally:
                with contextlib.suppress(Exception):
                    await client.aclose()
            self._set_link(is_up=False)
            await asyncio.sleep(0.5)

    def _set_link(self, *, is_up: bool) -> None:
        was_flowing = self._is_linked.is_set() and self._is_watched
        if is_up:
            self._is_linked.set()
        else:
            self._is_linked.clear()
        self._tell_flow(was_flowing)

    def _tell_flow(self, was_flowing: bool) -> None:
        is_flowing = self._is_linked.is_set() and self._is_watched
        if is_flowing != was_flowing:
            for receiver in list(self.receivers):
                receiver.on_link(is_up=is_flowing)

    # -- rights -------------------------------------------------------------------------------------------------------------------
    def _doubt(self) -> None:
        """Changes that follow on the bus were made after the change of rights, so none of them is sent under the old ones."""
        self._doubts += 1
        for receiver in self.receivers:
            receiver.on_doubt()
        self._is_doubted.set()

    async def _recheck(self) -> None:
        watcher_due_s = time.monotonic() + RECHECK_S
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_doubted.wait(), RECHECK_S)
            self._is_doubted.clear()
            try:
                await self._check_rights()
                if time.monotonic() >= watcher_due_s:
                    watcher_due_s = time.monotonic() + RECHECK_S
                    await self._check_watcher()
            except Exception:
                # A database outage is not a loss of rights; nothing new can be read meanwhile either. Who is in doubt hears nothing.
                logger.exception("Could not check the rights of open sockets.")
                await asyncio.sleep(RETRY_S)
                self._is_doubted.set()

    async def _check_rights(self) -> None:
        doubts = self._doubts
        asked = {receiver: receiver.login for receiver in self.receivers if receiver.login}
        known = {login: receiver.standing for receiver, login in asked.items()}
        differ = await off_loop(rights.review, known)
        closing = []
        for receiver, login in asked.items():
            now = differ.get(login)
            if isinstance(now, rights.Ended):
                closing.append(receiver.on_ended(now))
            elif now is not None:
                receiver.on_standing(now)
            if doubts == self._doubts and not isinstance(now, rights.Ended):
                receiver.on_settled()
        await asyncio.gather(*closing, return_exceptions=True)

    async def _check_watcher(self) -> None:
        """With nobody watching the hosts nothing changes on an open page, and that must not look like nothing happening."""
        parts = None if settings.LIVE_IN_PROCESS else await off_loop(heartbeat.seen)
        was_flowing = self._is_linked.is_set() and self._is_watched
        self._is_watched = parts is None or parts["watcher"]
        self._tell_flow(was_flowing)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


def deliver_here(message: bytes) -> None:
    """Without redis (tests): to every hub of this process, from any thread."""
    for one in list(_hubs.values()):
        with contextlib.suppress(RuntimeError):  # The loop of an earlier test is closed.
            one.loop.call_soon_threadsafe(one.deliver, message)
