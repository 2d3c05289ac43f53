"""What can be made to go wrong on a fake host, and the count of the calls it got."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from hypervisor.errors import HostUnreachable


@dataclass
class _Planned:
    error: Exception
    calls_left: int
    is_after_effect: bool


@dataclass
class Faults:
    """Set the fields at any time; they act on the next call of any connection.

    calls: how often each method of the host was called, failed calls included.
    delay_s: added to every call (a slow host).
    answer_limit_s: how long a call on a frozen host hangs before it fails, as libvirt's keepalive would do (20 s there).
    guests_ignoring_shutdown: these stay up when asked to shut down or reboot.
    """

    is_unreachable: bool = False
    has_no_space: bool = False
    delay_s: float = 0.0
    answer_limit_s: float = 20.0
    guests_ignoring_shutdown: set[UUID] = field(default_factory=set)
    all_guests_ignore_shutdown: bool = False
    guests_holding_on: set[UUID] = field(default_factory=set)
    """These do not let go of a device that is unplugged while they run."""
    calls: Counter[str] = field(default_factory=Counter)
    connects: int = 0
    _planned: dict[str, _Planned] = field(default_factory=dict)
    _thawed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thawed.set()

    @property
    def is_frozen(self) -> bool:
        return not self._thawed.is_set()

    def freeze(self) -> None:
        """Calls hang, as with a stopped libvirtd, until `thaw` or `answer_limit_s`."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    def wait_until_thawed(self, timeout_s: float) -> None:
        self._thawed.wait(timeout_s)

    def fail(self, method: str, error: Exception, *, on_call: int = 1, after_effect: bool = False) -> None:
        """Raise `error` on the nth next call of `method`, once. `after_effect`: the host does the work and the answer is lost."""
        self._planned[method] = _Planned(error, on_call, after_effect)

    def before(self, method: str) -> None:
        self.calls[method] += 1
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.is_frozen:
            self.wait_until_thawed(self.answer_limit_s)
        if self.is_unreachable or self.is_frozen:
            raise HostUnreachable(f"The host did not answer {method}.")
        planned = self._planned.get(method)
        if planned is not None:
            planned.calls_left -= 1
            if planned.calls_left == 0 and not planned.is_after_effect:
                raise self._planned.pop(method).error

    def after(self, method: str) -> None:
        planned = self._planned.get(method)
        if planned is not None and planned.calls_left <= 0:
            raise self._planned.pop(method).error

    def ignores_shutdown(self, uuid: UUID) -> bool:
        return self.all_guests_ignore_shutdown or uuid in self.guests_ignoring_shutdown
