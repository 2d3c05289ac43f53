"""How fast one user may ask: a bucket of work that fills up steadily. Who asks faster waits, and slows nobody else."""

from __future__ import annotations

import time


class Pace:
    """`burst` units at once, then `per_s`. For one event loop."""

    def __init__(self, *, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._left = burst
        self._at_s = time.monotonic()

    def wait_s(self, cost: float) -> float:
        """Take `cost` units; how long to wait before doing that work."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at_s) * self._per_s) - cost
        self._at_s = now
        return max(0.0, -self._left / self._per_s)
