"""Blocking work (database, redis) off the event loop, in a thread that gives its database connection back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from channels.db import database_sync_to_async

T = TypeVar("T")


async def off_loop(work: Callable[..., T], *args: object) -> T:
    # Not thread-sensitive: that is one thread for all sockets of the process, and a slow snapshot would hold up everybody's.
    result: T = await database_sync_to_async(work, thread_sensitive=False)(*args)
    return result
