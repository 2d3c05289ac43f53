"""What the groups of calls share: the connection, and looking guests up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

import libvirt

from hypervisor.errors import NotFoundOnHost
from hypervisor.libvirt.translate import translated

T = TypeVar("T")

PROGRESS_EVERY_S = 0.5
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3
"""A frozen libvirtd is given up after 20 s: interval x (count + 1)."""
HELPER_PREFIX = "kvmweb-helper-"
"""Guests so named are tools of ours for a few seconds and no guests of anybody: never listed, never told of."""


def still_there(read: Callable[[Any], T], things: Iterable[Any]) -> list[T]:
    """Read each thing of a listing; what was removed since it was listed is left out."""
    found: list[T] = []
    for thing in things:
        with suppress(NotFoundOnHost):
            found.append(translated(read)(thing))
    return found


def while_watching(work: Callable[[], Any], watch: Callable[[], None]) -> Any:
    """Run `work` in a thread and call `watch` in this one until it ends; what `watch` raises is raised after `work` has ended.

    libvirt cannot stop a copy on its way, so leaving early would let it go on behind the back of the caller's undo.
    """
    result: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="copy-volume", daemon=True)
    thread.start()
    interruption: BaseException | None = None
    while thread.is_alive():
        thread.join(PROGRESS_EVERY_S)
        if thread.is_alive() and interruption is None:
            try:
                watch()
            except BaseException as error:
                interruption = error
    if failure:
        raise failure[0]
    if interruption is not None:
        raise interruption
    return result[0]


class Connected:
    def __init__(self, connection: Any, *, is_local: bool = False) -> None:
        self._connection = connection
        self._is_local = is_local
        self._driver: str = connection.getType()

    @property
    def is_test_driver(self) -> bool:
        """libvirt's test driver has no content in volumes, no streams and only guests of type "test"."""
        return self._driver.upper() == "TEST"  # "Test" in our process, "TEST" through the daemon

    def close(self) -> None:
        with suppress(libvirt.libvirtError):
            self._connection.close()

    def is_alive(self) -> bool:
        """Whether the connection still stands, without a round trip."""
        try:
            return bool(self._connection.isAlive())
        except libvirt.libvirtError:
            return False

    @translated
    def _guest(self, uuid: UUID) -> Any:
        return self._connection.lookupByUUID(uuid.bytes)
