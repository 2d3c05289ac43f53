"""The socket behind /ws/live/: subscriptions in, snapshots and deltas out. What is sent is made elsewhere (`live.topics`).

One writer task per socket sends everything: a snapshot and the deltas after it stay in order, and a slow browser holds up nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from live import bus, rights, topics
from live.hub import hub
from live.origin import header, is_our_origin
from live.outbox import Delta, Item, Notice, Outbox, SnapshotDue
from live.shared import view_of
from live.threads import off_loop
from tenants.actor import Actor

logger = logging.getLogger(__name__)

MAX_FRAME_BYTES = 16 * 1024
MAX_TOPICS = 200
COALESCE_S = 0.01
"""After a write the next one waits this long, so that a burst becomes one message per row. A lone change is not delayed."""
TOO_MANY = rights.Ended(4429, "You have too many pages open. Close some, then reload this one.")


class LiveConsumer(AsyncWebsocketConsumer):
    channel_layer_alias = "none: changes come through live.hub"
    login: rights.Login | None = None
    standing: rights.Standing

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Not the parent's: it makes a thread hop per message to close database connections, which nothing here opens on this loop.
        handler = {
            "websocket.connect": self.websocket_connect,
            "websocket.receive": self.websocket_receive,
            "websocket.disconnect": self.websocket_disconnect,
        }[message["type"]]
        await handler(message)

    @property
    def actor(self) -> Actor:
        return self.standing.actor

    async def connect(self) -> None:
        self.granted: dict[str, topics.Topic] = {}
        self.outbox = Outbox()
        self.is_stalled = False
        self.writer: asyncio.Task[None] | None = None
        self.doubts = 0
        self.is_settled = asyncio.Event()
        self.is_settled.set()
        authorization = header(self.scope, b"authorization")
        token = authorization.removeprefix("Token ") if authorization.startswith("Token ") else ""
        # A script with a token sends no cookie, so no foreign page can act for it: only cookies need the Origin.
        if not is_our_origin(self.scope) and (not token or header(self.scope, b"origin")):
            await self.close()
            return
        # Before logging in, so that no change of rights goes unheard between the two.
        await hub().join(self)
        refused = await self._log_in(token)
        await self.accept()
        if refused is not None:
            await self.close(code=refused.code, reason=refused.reason)
            return
        self.writer = asyncio.create_task(self._write())

    async def _log_in(self, token: str) -> rights.Ended | None:
        while True:
            doubts = self.doubts
            found = await off_loop(lambda: rights.log_in(self.scope, token=token))
            if found is None:
                return rights.NOBODY
            if doubts == self.doubts:
                break
        login, self.standing = found
        if hub().sockets_of(login.user_id) >= settings.LIVE_SOCKETS_PER_USER:
            return TOO_MANY
        self.login = login
        self.is_settled.set()
        return None

    async def disconnect(self, code: int) -> None:
        await hub().leave(self)
        if self.writer is not None:
            self.writer.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.writer is None:
            return
        try:
            if text_data is None or len(text_data) > MAX_FRAME_BYTES:
                raise ValueError
            message = orjson.loads(text_data)
            wanted, unwanted = message.get("subscribe", []), message.get("unsubscribe", [])
            if set(message) - {"subscribe", "unsubscribe", "ping"} or not all(isinstance(topic, str) for topic in [*wanted, *unwanted]):
                raise ValueError
            if len(wanted) > MAX_TOPICS or len(unwanted) > MAX_TOPICS:
                raise ValueError
        except (ValueError, TypeError, AttributeError):
            await self._keep_pace(1)
            self._complain('Send {"subscribe": ["guests", "guest:<id>"]} as text of at most 16 KiB, with at most 200 topics.')
            return
        await self._keep_pace(1 + len(wanted))
        if "ping" in message:
            self.outbox.notice({"type": "pong"})
        for topic in unwanted:
            self.granted.pop(topic, None)
            self.outbox.forget(topic)
        for topic in wanted:
            self._subscribe(topic)

    async def _keep_pace(self, cost: float) -> None:
        """Messages are taken one after the other, and the server stops reading the socket: who asks too fast waits in its own queue."""
        if self.login is not None:
            wait_s = hub().pace_of(self.login.user_id).wait_s(cost)
            if wait_s:
                await asyncio.sleep(wait_s)

    def _subscribe(self, topic: str) -> None:
        registered = topics.topic_for(topic)
        if registered is None:
            self.outbox.notice({"topic": topic, "type": "refused"})
        elif len(self.granted) >= MAX_TOPICS and topic not in self.granted:
            self._complain(f"One socket carries at most {MAX_TOPICS} topics. Unsubscribe some, or open another.")
        else:
            # From now on deltas are kept, so that none is lost between the snapshot and the first of them.
            self.granted[topic] = registered
            self.outbox.snapshot(topic)

    def _complain(self, message: str) -> None:
        self.outbox.notice({"type": "error", "error": {"code": "invalid", "message": message}})

    # -- from the hub -------------------------------------------------------------------------------------------------------------
    def on_changes(self, changes: list[dict[str, Any]]) -> None:
        for change in changes:
            for topic in topics.topics_of(change["kind"], change["id"]):
                registered = self.granted.get(topic)
                if registered is not None:
                    self._on_change(topic, registered, change)

    def _on_change(self, topic: str, registered: topics.Topic, change: dict[str, Any]) -> None:
        version, tenant, left = change["version"], change["tenant"], change.get("left")
        if topics.may_receive(self.actor, registered, tenant):
            # The same dict for every socket of this process: see live.shared.
            made = change.setdefault("made", {})
            self.outbox.delta(topic, change["id"], Delta(topic, change["type"], version, change["data"], tenant, made))
        elif ":" in topic:
            self.outbox.snapshot(topic)  # it was theirs when they subscribed: the answer is `refused` now
        elif left is not None and topics.may_receive(self.actor, registered, left):
            self.outbox.delta(topic, change["id"], Delta(topic, "removed", version, {"id": change["id"]}, left))

    def on_link(self, *, is_up: bool) -> None:
        if self.is_stalled == is_up:
            self.is_stalled = not is_up
            self.outbox.notice({"type": "flowing" if is_up else "stalled"})
        if is_up:
            for topic in self.granted:
                self.outbox.snapshot(topic)

    def on_doubt(self) -> None:
        self.doubts += 1
        self.is_settled.clear()

    def on_settled(self) -> None:
        self.is_settled.set()

    def on_standing(self, standing: rights.Standing) -> None:
        """Every topic is asked for again: what may no longer be seen answers `refused`."""
        is_same = standing.actor == self.actor
        self.standing = standing
        if not is_same:
            self.doubts += 1
            for topic in self.granted:
                self.outbox.snapshot(topic)

    async def on_ended(self, why: rights.Ended) -> None:
        self.granted.clear()
        self.login = None
        if self.writer is not None:
            self.writer.cancel()
        # A browser that reads nothing takes no close frame either, and must not hold up the others.
        await asyncio.wait_for(self.close(code=why.code, reason=why.reason), 1.0)

    # -- to the browser -----------------------------------------------------------------------------------------------------------
    async def _write(self) -> None:
        while True:
            for item in await self.outbox.take():
                try:
                    frame = await self._settled_frame(item)
                except Exception:
                    logger.exception("Could not make a live frame.")
                    if isinstance(item, SnapshotDue):
                        self.outbox.snapshot(item.topic)  # The database is away: the browser waits for this one.
                        await asyncio.sleep(1)
                    continue
                if frame is None:
                    continue
                if frame.refuses:
                    self.granted.pop(frame.refuses, None)
                await self.send(text_data=frame.text)
            await asyncio.sleep(COALESCE_S)

    async def _settled_frame(self, item: Item) -> Frame | None:
        """Made under rights that still hold when it is sent."""
        while True:
            await self.is_settled.wait()
            doubts = self.doubts
            frame = await self._frame(item)
            if doubts == self.doubts:
                return frame

    async def _frame(self, item: Item) -> Frame | None:
        if isinstance(item, Notice):
            return frame_of(item.frame)
        if isinstance(item, SnapshotDue):
            return await self._snapshot(item.topic)
        registered = self.granted.get(item.topic)
        if registered is None or not topics.may_receive(self.actor, registered, item.tenant):
            return None
        key = (item.topic, view_of(self.actor, registered))
        if key not in item.made:
            data = item.data if item.type == "removed" else registered.shape(self.actor, item.data)
            frame = {"topic": item.topic, "type": item.type, "version": item.version, "data": data}
            item.made[key] = None if data is None else bus.encode(frame).decode()
        text = item.made[key]
        return None if text is None else Frame(text)

    async def _snapshot(self, topic: str) -> Frame | None:
        registered = self.granted.get(topic)
        if registered is None:
            return None
        actor = self.actor
        text = await hub().snapshots.take((topic, view_of(actor, registered)), lambda: snapshot_text(actor, topic))
        return frame_of({"topic": topic, "type": "refused"}) if text is None else Frame(text)


class Frame(NamedTuple):
    """`refuses`: the topic it says no to."""

    text: str
    refuses: str = ""


def frame_of(frame: dict[str, Any]) -> Frame:
    return Frame(bus.encode(frame).decode(), frame["topic"] if frame["type"] == "refused" else "")


def snapshot_text(actor: Actor, topic: str) -> str | None:
    """Its whole frame; None when it is refused."""
    data = topics.take_snapshot(actor, topic)
    if data is None:
        return None
    return bus.encode({"topic": topic, "type": "snapshot", "version": data.get("version", 0), "data": data}).decode()
