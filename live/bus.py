"""The wire between processes: one redis pub/sub channel, sending side. Receiving is `live.hub`.

Not a Channels layer: its group_send needs an event loop and a connection per call from synchronous code (several ms instead of 0.1 ms), and
it does not tell its consumers that messages were lost while redis was away. See docs/decisions/live-bus.md.
"""

from __future__ import annotations

import logging
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

PAUSE_AFTER_FAILURE_S = 1.0
"""With redis down each call would cost a connection attempt, with redis frozen a time limit: try once a second only."""
_quiet_until = 0.0


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
    """Deliver to every web process. Drops the message when redis does not answer: the next snapshot tells."""
    global _quiet_until
    message = encode(changes)
    if settings.LIVE_IN_PROCESS:
        from live.hub import deliver_here

        deliver_here(message)
        return
    if time.monotonic() < _quiet_until:
        return
    try:
        _client().publish(channel(), message)
    except (redis.RedisError, OSError) as error:
        _quiet_until = time.monotonic() + PAUSE_AFTER_FAILURE_S
        logger.warning("Redis did not take a live message (%s). Open pages learn the change from their next snapshot.", error)
