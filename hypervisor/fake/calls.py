"""The door every call of a fake host goes through: counting, faults, a dead connection, one call at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from hypervisor.errors import HostUnreachable
from hypervisor.fake.machine import FakeMachine

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound="FakeConnection")


class FakeConnection:
    """What the parts of a fake host share."""

    def __init__(self, machine: FakeMachine) -> None:
        self.machine = machine
        self._era = machine.connection_era
        self._is_closed = False

    def close(self) -> None:
        self._is_closed = True

    def is_alive(self) -> bool:
        return not self._is_closed and self._era == self.machine.connection_era and not self.machine.faults.is_unreachable


def call(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    @functools.wraps(method)
    def through_the_door(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._is_closed or self._era != self.machine.connection_era:
            raise HostUnreachable(f"The connection to host {self.machine.label} is closed.")
        self.machine.faults.before(method.__name__)
        with self.machine.lock:
            result = method(self, *args, **kwargs)
        self.machine.faults.after(method.__name__)
        return result

    return through_the_door
