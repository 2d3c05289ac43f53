"""The wire between processes: one redis pub/sub channel, sending side. Receiving is `live.hub`.

Not a Channels layer: its group_send needs an event loop and a connection per call from synchronous code (several ms instead of 0.1 ms), and
it does not tell its consumers that messages were lost while redis was away. See docs/decisions/live-bus.md.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from functools import lru_cache
from typing import Any

import orjson
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from kvmweb import secrets_store

logger = logging.getLogger(__name__)

RETRY_S = 1.0
RESYNC = b"[]"
"""An empty list of changes: some were lost, take snapshots."""
RIGHTS = b"{}"
"""Somebody's rights may have changed: look at every socket's before sending anything more."""
_silent_pid = 0
"""This process, while redis does not answer it. A pid and not a flag: a fork has no thread that would end the silence."""
_lock = threading.Lock()


def channel() -> str:
    """Pub/sub does not know database numbers: the name keeps two installations on one redis apart."""
    return f"kvmweb.live.{secrets_store.fingerprint(settings.SECRET_KEY)}"


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    """One per process: its pool keeps the connection, is safe between threads and starts anew after a fork."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 1), health_check_interval=0
    )


def encode(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def send(changes: list[dict[str, Any]]) -> None:
    """Deliver to every web process. Dropped while redis does not answer; open pages are then sent snapshots as soon as it does."""
    send_raw(encode(changes))


def send_raw(message: bytes) -> None:
    if settings.LIVE_IN_PROCESS:
        from live.hub import deliver_here

        deliver_here(message)
    elif _silent_pid != os.getpid():
        try:
            _client().publish(channel(), message)
        except (redis.RedisError, OSError) as error:
            _fall_silent(error)


def _fall_silent(error: Exception) -> None:
    """With redis down each call would cost a connection attempt, with redis frozen a time limit: one thread tries for all."""
    global _silent_pid
    with _lock:
        if _silent_pid == os.getpid():
            return
        _silent_pid = os.getpid()
    logger.warning("Redis did not take a live message (%s). Open pages are told to look again when it does.", error)
    threading.Thread(target=_until_heard, name="live-bus", daemon=True).start()


def _until_heard() -> None:
    global _silent_pid
    while True:
        time.sleep(RETRY_S)
        try:
            # Asked first, so that nobody else waits for a frozen redis meanwhile.
            _client().ping()
            # Spoken again before the resync: what is dropped in between would be in nobody's snapshot.
            _silent_pid = 0
            _client().publish(channel(), RESYNC)
            return
        except (redis.RedisError, OSError):
            _silent_pid = os.getpid()
