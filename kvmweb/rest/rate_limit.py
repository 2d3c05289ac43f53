"""How much one token, one person's browser or one address without a login may ask: a bucket of KVMWEB_API_RATE requests that refills.

Kept in this process: no query, no redis to wait for and nothing that fails open. Several web processes each count their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from rest_framework.request import Request

from kvmweb.errors import RateLimited
from tenants.middleware import address_of
from tenants.models import ApiToken, User

SECONDS = {"second": 1, "minute": 60, "hour": 3600}
MOST_BUCKETS = 10_000


class Buckets:
    """`amount` requests at once, and as many again in each `period_s`."""

    def __init__(self, amount: int, period_s: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self.amount, self.per_s, self.now = amount, amount / period_s, now
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> float:
        """Seconds until there is one again; 0 when it was taken."""
        now = self.now()
        with self._lock:
            left, at = self._buckets.get(key, (float(self.amount), now))
            left = min(self.amount, left + (now - at) * self.per_s)
            if left < 1:
                return (1 - left) / self.per_s
            if len(self._buckets) >= MOST_BUCKETS and key not in self._buckets:
                self._forget_full(now)
            self._buckets[key] = (left - 1, now)
        return 0.0

    def _forget_full(self, now: float) -> None:
        kept = {key: (left, at) for key, (left, at) in self._buckets.items() if left + (now - at) * self.per_s < self.amount}
        # So many at work at once are no people: rather a few too many requests than all our memory.
        self._buckets = kept if len(kept) < MOST_BUCKETS else {}


@lru_cache(maxsize=4)
def buckets(rate: str) -> Buckets | None:
    """`rate`: such as "6000/minute". None: no limit."""
    amount, _, period = rate.partition("/")
    if not amount or int(amount) == 0:
        return None
    return Buckets(int(amount), SECONDS[period or "minute"])


def check(request: Request) -> None:
    """Raises RateLimited. Finds out who asks, so a wrong token is refused here, and counted for its address."""
    limit = buckets(settings.API_RATE)
    if limit is None:
        return
    try:
        key = _who(request)
    except Exception as error:
        _take(limit, f"address:{address_of(request._request)}", error)
        raise
    _take(limit, key)


def _who(request: Request) -> str:
    if isinstance(request.auth, ApiToken):
        return f"token:{request.auth.pk}"
    return f"user:{request.user.pk}" if isinstance(request.user, User) else f"address:{address_of(request._request)}"


def _take(limit: Buckets, key: str, cause: Exception | None = None) -> None:
    wait_s = limit.take(key)
    if wait_s:
        raise RateLimited(wait_s) from cause
