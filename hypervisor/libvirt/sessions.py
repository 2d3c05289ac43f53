"""Opening hosts: `connect` is the `port.Connector` of the worker, the watcher and the console broker.

An open cannot be timed out from inside its thread (libvirt 9.0), so each runs in a helper thread and at most one per address is
outstanding: a host that hangs costs one thread, however often it is tried.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, TimeoutError
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import libvirt

from hypervisor.errors import HostUnreachable
from hypervisor.libvirt import eventloop
from hypervisor.libvirt.base import KEEPALIVE_COUNT, KEEPALIVE_INTERVAL_S
from hypervisor.libvirt.events import EventCalls
from hypervisor.libvirt.guests import GuestCalls
from hypervisor.libvirt.networks import NetworkCalls
from hypervisor.libvirt.node import NodeCalls
from hypervisor.libvirt.translate import translated_error
from hypervisor.libvirt.volumes import VolumeCalls
from hypervisor.specs import HostAddress

DEFAULT_SOCKET = "/run/libvirt/libvirt-sock"


class LibvirtHost(NodeCalls, GuestCalls, VolumeCalls, NetworkCalls, EventCalls):
    """A `port.Host` on one libvirt connection; each group of calls is in the module named after it."""


def uri_for(address: HostAddress) -> str:
    """KVMWEB_LIBVIRT_SOCKET names the local daemon's socket where it is not libvirt's own default."""
    socket_path = address.socket_path or os.environ.get("KVMWEB_LIBVIRT_SOCKET", "")
    if address.kind == "test":
        return f"test+unix:///default?socket={quote(socket_path or DEFAULT_SOCKET)}"
    if socket_path:
        return f"qemu+unix:///system?socket={quote(socket_path)}"
    return "qemu:///system"


def connect(address: HostAddress, *, timeout_s: float = 10.0) -> LibvirtHost:
    return connect_uri(uri_for(address), timeout_s=timeout_s, is_local=address.kind == "local")


def connect_uri(uri: str, *, timeout_s: float = 10.0, is_local: bool = False) -> LibvirtHost:
    """For tests and the lab: `uri` must never come from outside."""
    eventloop.ensure_running()
    connection = _open_within(uri, timeout_s)
    with suppress(libvirt.libvirtError):  # the test driver without a daemon has no keepalive
        connection.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
    return LibvirtHost(connection, is_local=is_local)


_opening: dict[str, Future[Any]] = {}
_opening_lock = threading.Lock()


def _open_within(uri: str, timeout_s: float) -> Any:
    with _opening_lock:
        future = _opening.get(uri)
        if future is None:
            future = _opening[uri] = Future()
            threading.Thread(target=_open, args=(uri, future), name=f"open {uri}", daemon=True).start()
    try:
        connection = future.result(timeout_s)
    except TimeoutError:
        raise HostUnreachable(
            f"{uri} did not answer within {timeout_s:g} s. Check that its libvirt service runs and is not stuck."
        ) from None
    except libvirt.libvirtError as error:
        with _opening_lock:
            if _opening.get(uri) is future:
                del _opening[uri]
        raise HostUnreachable(f"{uri} could not be opened: {translated_error(error)}") from error
    with _opening_lock:
        if _opening.get(uri) is future:
            del _opening[uri]
            return connection
    # Another thread waited for the same open and took it.
    return _open_within(uri, timeout_s)


def _open(uri: str, future: Future[Any]) -> None:
    try:
        future.set_result(libvirt.open(uri))
    except BaseException as error:
        future.set_exception(error)
