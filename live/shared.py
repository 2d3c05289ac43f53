"""What many sockets get alike is made once. After a restart of the server every open page comes back in the same second and asks for the
same list, and each change of a guest goes to every page that shows it.

Alike are sockets whose actors differ only in who they are, not in what they may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from live.threads import off_loop
from live.topics import Topic
from tenants.actor import Actor

WHO = frozenset({"label", "user_id", "address", "request_id", "token"})

View = tuple[Any, ...]


def view_of(actor: Actor, topic: Topic) -> View:
    """Equal for actors who see the same of a topic and may do the same."""
    rights = [getattr(actor, each.name) for each in fields(actor) if each.name not in WHO]
    who = actor.user_id if topic.is_personal else actor.user_id is None
    return (who, *(frozenset(value.items()) if isinstance(value, dict) else value for value in rights))


class Snapshots:
    """One per event loop. Who asks while a snapshot is being taken shares the next one with all who asked meanwhile.

    Never the one under way: it was begun before the asking, and a change in between would be in neither it nor the deltas that follow.
    """

    def __init__(self) -> None:
        self._under_way: dict[View, asyncio.Task[str | None]] = {}
        self._next: dict[View, asyncio.Task[str | None]] = {}

    async def take(self, key: View, make: Callable[[], str | None]) -> str | None:
        """`make` runs in a thread."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._take(key, make))
        # Shielded: a socket that closes may not take the snapshot away from the others.
        return await asyncio.shield(task)

    async def _take(self, key: View, make: Callable[[], str | None]) -> str | None:
        while (before := self._under_way.get(key)) is not None:
            await asyncio.wait([before])
        task = self._under_way[key] = self._next.pop(key)
        try:
            return await off_loop(make)
        finally:
            if self._under_way.get(key) is task:
                del self._under_way[key]
