"""Asks the console broker for a guest's display or serial line, and gets a connected socket. Imports no libvirt: web uses it.

The protocol is described in `hypervisor.libvirt.broker`. Whether somebody may look is decided by the caller, before.
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from hypervisor.errors import HypervisorError
from hypervisor.specs import HostAddress

VERSION = 1
MAX_LINE_BYTES = 4096
LISTEN_TIMEOUT_S = 0.2
ASK_TIMEOUT_S = 2.0

RequestKind = Literal["display", "serial", "listen"]
ErrorCode = Literal["unreachable", "not_found", "not_running", "no_display", "refused", "broker_down"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way. Give it to `take`, or close it."""

    socket_path: str
    broker: socket.socket

    def close(self) -> None:
        self.broker.close()


class BrokerError(HypervisorError):
    """`code` is for the program; the text names hosts and is for operators."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def open_display(socket_path: str, address: HostAddress, uuid: UUID, *, timeout_s: float = 10.0) -> socket.socket:
    """A socket to the guest's VNC server. Blocking: see `open_display_async` for event loops."""
    return _open(socket_path, request_line("display", address, uuid), timeout_s)


def open_serial(socket_path: str, address: HostAddress, uuid: UUID, *, timeout_s: float = 10.0) -> socket.socket:
    """A socket to the guest's shared serial line; the scrollback comes first."""
    return _open(socket_path, request_line("serial", address, uuid), timeout_s)


async def open_display_async(socket_path: str, address: HostAddress, uuid: UUID, *, timeout_s: float = 10.0) -> socket.socket:
    return await _open_async(socket_path, request_line("display", address, uuid), timeout_s)


async def open_serial_async(socket_path: str, address: HostAddress, uuid: UUID, *, timeout_s: float = 10.0) -> socket.socket:
    return await _open_async(socket_path, request_line("serial", address, uuid), timeout_s)


def listen(socket_path: str, address: HostAddress, uuid: UUID) -> None:
    """Have the broker keep what the guest writes to its serial line from now on, for who looks later. At once, and it never raises:
    a broker that is away or busy costs only the text."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as broker:
        broker.settimeout(LISTEN_TIMEOUT_S)
        broker.connect(socket_path)
        broker.sendall(request_line("listen", address, uuid))


def request_line(kind: RequestKind, address: HostAddress, uuid: UUID) -> bytes:
    where = {"kind": address.kind, "socket_path": address.socket_path}
    return json.dumps({"v": VERSION, "kind": kind, "address": where, "uuid": str(uuid)}).encode() + b"\n"


def _open(socket_path: str, request: bytes, timeout_s: float) -> socket.socket:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as broker:
        broker.settimeout(timeout_s)
        try:
            broker.connect(socket_path)
            broker.sendall(request)
            answer = _Answer()
            while not answer.is_complete:
                answer.receive(broker)
        except OSError as error:
            raise _broker_down(socket_path, error) from error
        return answer.result()


async def _open_async(socket_path: str, request: bytes, timeout_s: float) -> socket.socket:
    return await take(_ask(socket_path, request), timeout_s=timeout_s)


def ask(socket_path: str, kind: RequestKind, address: HostAddress, uuid: UUID) -> Asked:
    """Ask now, from any thread, and `take` the answer later: the broker works on it meanwhile."""
    return _ask(socket_path, request_line(kind, address, uuid))


def _ask(socket_path: str, request: bytes) -> Asked:
    broker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    broker.settimeout(ASK_TIMEOUT_S)  # at once, unless hundreds are before us
    try:
        broker.connect(socket_path)
        broker.sendall(request)
    except OSError as error:
        broker.close()
        raise _broker_down(socket_path, error) from error
    broker.setblocking(False)
    return Asked(socket_path, broker)


async def take(asked: Asked, *, timeout_s: float = 10.0) -> socket.socket:
    with asked.broker as broker:
        answer = _Answer()
        try:
            async with asyncio.timeout(timeout_s):
                while not answer.is_complete:
                    try:
                        answer.receive(broker)
                    except BlockingIOError:
                        await _readable(broker)
        except OSError as error:  # TimeoutError is one
            raise _broker_down(asked.socket_path, error) from error
        return answer.result()


async def _readable(broker: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(broker, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(broker)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _broker_down(socket_path: str, error: OSError) -> BrokerError:
    return BrokerError("broker_down", f"The console broker at {socket_path} did not answer: {error or 'time limit'}. Check that it runs.")


class _Answer:
    """The broker's one line and the descriptor that came with it."""

    def __init__(self) -> None:
        self._line = b""
        self._fds: list[int] = []

    @property
    def is_complete(self) -> bool:
        return self._line.endswith(b"\n")

    def receive(self, broker: socket.socket) -> None:
        data, fds, _flags, _sender = socket.recv_fds(broker, MAX_LINE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        self._fds += fds
        self._line += data
        if not data or len(self._line) > MAX_LINE_BYTES:
            self._close()
            raise ConnectionError("it hung up")

    def result(self) -> socket.socket:
        answer = json.loads(self._line)
        if answer.get("ok") and self._fds:
            return socket.socket(fileno=self._fds[0])
        self._close()
        raise BrokerError(answer.get("error", "refused"), answer.get("message", "The console broker gave no reason."))

    def _close(self) -> None:
        for fd in self._fds:
            socket.close(fd)
        self._fds = []
