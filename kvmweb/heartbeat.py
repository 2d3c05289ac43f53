"""Who of our processes was seen lately: a key in redis per part, renewed by a thread, gone by itself when the part is. For /readyz.

Parts: worker, beat, watcher. Redis may be down or empty at any time; nothing here raises.
"""

from __future__ import annotations

import logging
import threading
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

PARTS = ("worker", "beat", "watcher")
EVERY_S = 5.0
LIFETIME_S = 20
TIMEOUT_S = 0.5
_PREFIX = "kvmweb:seen:"


@cache
def _client() -> redis.Redis:
    """redis-py notices a fork by itself. One more try, because the kept connection may be of before a restart of redis."""
    retry = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=retry)


def beat(part: str) -> bool:
    try:
        _client().set(_PREFIX + part, 1, ex=LIFETIME_S)
    except (redis.RedisError, OSError):
        return False
    return True


def seen() -> dict[str, bool] | None:
    """Part -> was it seen within LIFETIME_S; None when redis does not answer."""
    try:
        values = _client().mget([_PREFIX + part for part in PARTS])
    except (redis.RedisError, OSError):
        return None
    return {part: value is not None for part, value in zip(PARTS, values, strict=True)}


def queue_length(queue: str) -> int | None:
    """Messages of a Celery queue that no worker has taken; None when redis does not answer."""
    try:
        return int(_client().llen(queue))
    except (redis.RedisError, OSError):
        return None


def start(part: str) -> threading.Event:
    """Beat from a daemon thread until the returned event is set."""
    stop = threading.Event()

    def keep() -> None:
        was_heard = True
        while True:
            is_heard = beat(part)
            if was_heard and not is_heard:
                logger.warning("Redis does not answer: the heartbeat of the %s is not heard.", part)
            was_heard = is_heard
            if stop.wait(EVERY_S):
                return

    threading.Thread(target=keep, name=f"heartbeat-{part}", daemon=True).start()
    return stop
