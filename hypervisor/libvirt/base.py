"""What the groups of calls share: the connection, and looking guests up."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

import libvirt

from hypervisor.libvirt.translate import translated


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
