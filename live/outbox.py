"""What is still to be written to one socket. Bounded: a row's newer change replaces the older one, and when too many rows wait their list
is sent as one fresh snapshot instead.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

MAX_WAITING = 500


@dataclass(slots=True)
class Delta:
    """`tenant`: whose row it is, because rights may change while it waits. `made`: its frames by view, shared by all sockets."""

    topic: str
    type: str
    version: int
    data: dict[str, Any]
    tenant: str | None = None
    made: dict[Any, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SnapshotDue:
    topic: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A frame sent as it is."""

    frame: dict[str, Any]


Item = Delta | SnapshotDue | Notice


class Outbox:
    """Filled by the hub and the reader, emptied by one writer task, all on one loop."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, ...], Item] = {}
        self._has_items = asyncio.Event()
        self._notices = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def delta(self, topic: str, row_id: str, delta: Delta) -> None:
        key = (topic, row_id)
        older = self._waiting.get(key)
        if isinstance(older, Delta):
            # Not only newer ones: a guest's load changes without its version.
            if older.version <= delta.version:
                self._waiting[key] = delta
            return
        if len(self._waiting) >= MAX_WAITING:
            self._collapse()
        # A snapshot that was not taken yet will contain the change: the row was committed before it was published.
        if (topic,) not in self._waiting:
            self._put(key, delta)

    def snapshot(self, topic: str) -> None:
        """Deltas of the topic that wait are older than the snapshot will be."""
        for key in [key for key in self._waiting if key[0] == topic]:
            del self._waiting[key]
        self._put((topic,), SnapshotDue(topic))

    def notice(self, frame: dict[str, Any]) -> None:
        """Dropped when the reader neither reads nor stops asking."""
        if len(self._waiting) < 2 * MAX_WAITING:
            self._notices += 1
            self._put(("", str(self._notices)), Notice(frame))

    def forget(self, topic: str) -> None:
        for key in [key for key in self._waiting if key[0] == topic]:
            del self._waiting[key]

    async def take(self) -> list[Item]:
        """Everything that waits, oldest first."""
        await self._has_items.wait()
        self._has_items.clear()
        items, self._waiting = list(self._waiting.values()), {}
        return items

    def _put(self, key: tuple[str, ...], item: Item) -> None:
        self._waiting[key] = item
        self._has_items.set()

    def _collapse(self) -> None:
        topics = {item.topic for item in self._waiting.values() if isinstance(item, Delta)}
        for topic in topics:
            self.snapshot(topic)
