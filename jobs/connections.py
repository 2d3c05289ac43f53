"""This worker process's open connections to hosts: one per address, opened after the fork on first use, dropped when dead."""

from __future__ import annotations

import contextlib
import os
import threading

from django.conf import settings
from django.utils.module_loading import import_string

from hypervisor.errors import HypervisorError
from hypervisor.port import Connector, Host
from hypervisor.specs import HostAddress

CONNECT_TIMEOUT_S = 10.0

_lock = threading.Lock()
_open: dict[HostAddress, Host] = {}
_pid = os.getpid()


def connector() -> Connector:
    connect: Connector = import_string(settings.HYPERVISOR_CONNECTOR)
    return connect


def host_at(address: HostAddress) -> Host:
    """Raises HostUnreachable within CONNECT_TIMEOUT_S."""
    with _lock:
        _forget_after_fork()
        known = _open.get(address)
    if known is not None and known.is_alive():
        return known
    if known is not None:
        drop(address)
    host = connector()(address, timeout_s=CONNECT_TIMEOUT_S)
    with _lock:
        return _open.setdefault(address, host)


def drop(address: HostAddress) -> None:
    with _lock:
        host = _open.pop(address, None)
    if host is not None:
        _close(host)


def close_all() -> None:
    with _lock:
        _forget_after_fork()
        hosts = list(_open.values())
        _open.clear()
    for host in hosts:
        _close(host)


def _close(host: Host) -> None:
    # A dead connection may refuse even to be closed.
    with contextlib.suppress(HypervisorError, OSError):
        host.close()


def _forget_after_fork() -> None:
    """A connection carried over a fork breaks both sides; not even closing it is safe here."""
    global _pid
    if _pid != os.getpid():
        _open.clear()
        _pid = os.getpid()
