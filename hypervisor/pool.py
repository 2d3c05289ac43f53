"""One connection per process and address, for a worker that comes back to the same hosts again and again.

Not for the watcher, which owns its connections. Works with any `port.Connector`, the fake's too.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from hypervisor.errors import HypervisorError
from hypervisor.port import Connector, Host
from hypervisor.specs import HostAddress


class HostPool:
    """Dead connections are replaced when they are next asked for. What a fork carried over is forgotten, never closed."""

    def __init__(self, connect: Connector) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._hosts: dict[HostAddress, Host] = {}
        self._inherited: list[Host] = []

    def host(self, address: HostAddress, *, timeout_s: float = 10.0) -> Host:
        """Raises HostUnreachable within `timeout_s`. Do not close what you get."""
        with self._lock:
            self._leave_inherited_alone()
            host = self._hosts.get(address)
            if host is not None and host.is_alive():
                return host
            self._hosts.pop(address, None)
        if host is not None:
            _close(host)
        # Outside the lock: a host that hangs must not keep others from theirs.
        opened = self._connect(address, timeout_s=timeout_s)
        with self._lock:
            winner = self._hosts.setdefault(address, opened)
        if winner is not opened:
            _close(opened)
        return winner

    def drop(self, address: HostAddress) -> None:
        """Open a new one next time, although this one may look alive."""
        with self._lock:
            self._leave_inherited_alone()
            host = self._hosts.pop(address, None)
        if host is not None:
            _close(host)

    def close_all(self) -> None:
        with self._lock:
            self._leave_inherited_alone()
            hosts, self._hosts = list(self._hosts.values()), {}
        for host in hosts:
            _close(host)

    def _leave_inherited_alone(self) -> None:
        """Closing, or collecting as garbage, a connection that came through a fork would end the parent's."""
        if self._pid != os.getpid():
            self._inherited += self._hosts.values()
            self._hosts = {}
            self._pid = os.getpid()


def _close(host: Host) -> None:
    # A dead connection may refuse even to be closed.
    with suppress(HypervisorError, OSError):
        host.close()
