"""The console broker: its own process, which opens displays and serial lines and hands them out as file descriptors.

    python -m hypervisor.libvirt.broker --socket PATH [--linger-s 600] [--log-level INFO]

So that web never imports libvirt. Protocol, on a unix stream socket of mode 0600, one request per connection:

    client: one JSON line  {"v": 1, "kind": "display" | "serial" | "listen", "address": {"kind": ..., "socket_path": ...}, "uuid": ...}
    broker: one JSON line  {"ok": true}            with one descriptor attached (SCM_RIGHTS), then it hangs up
                           {"ok": false, "error": "unreachable" | "not_found" | "not_running" | "no_display" | "refused", "message": ...}

display: a socket to the guest's VNC server, straight from QEMU; the broker is out of the way from then on.
serial: one end of a socket pair into the guest's shared line (`hypervisor.serial_hub`): scrollback first, then live; end of file when the
guest stops.
listen: from now on, keep what the guest writes to its serial line for viewers to come, as after a last viewer left. Answered at once and
without a descriptor; it never takes the line from somebody else, and nobody is told when it cannot be had.

`message` names hosts and paths and is for operators.

Who may look is decided by web before it asks; the broker trusts its own user and root and nobody else. `hypervisor.broker_client` is
the other side.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from hypervisor.errors import HostUnreachable, HypervisorError, NotFoundOnHost
from hypervisor.observed import PowerState
from hypervisor.pool import HostPool
from hypervisor.port import Connector, Host, SerialLine
from hypervisor.serial_hub import SerialHub
from hypervisor.specs import HostAddress

VERSION = 1
MAX_REQUEST_BYTES = 4096
REQUEST_LIMIT_S = 5.0
HOST_LIMIT_S = 8.0
THREADS_PER_HOST = 4
LINGER_S = 600.0
MAX_UNWATCHED = 64
"""Serial lines kept for nobody; the one opened or asked for longest ago is let go first."""

log = logging.getLogger("kvmweb.broker")
T = TypeVar("T")


class _Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Request:
    kind: Literal["display", "serial", "listen"]
    address: HostAddress
    uuid: UUID


def _parse(line: bytes) -> _Request:
    try:
        asked = json.loads(line)
        address = HostAddress(asked["address"]["kind"], str(asked["address"].get("socket_path", "")))
        request = _Request(asked["kind"], address, UUID(asked["uuid"]))
        is_known = asked["v"] == VERSION and request.kind in ("display", "serial", "listen") and address.kind in ("local", "unix", "test")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Refusal("refused", "The request is not understood.") from error
    if not is_known:
        raise _Refusal("refused", "The request asks for a version, a kind of console or a kind of host that this broker does not know.")
    return request


class HostThreads:
    """Calls that may block, in a few threads per host, so that a frozen host holds up only its own consoles."""

    def __init__(self, connect: Connector) -> None:
        self._pool = HostPool(connect)
        self._executors: dict[HostAddress, ThreadPoolExecutor] = {}

    async def call(self, address: HostAddress, work: Callable[[Host], T], *, discard: Callable[[T], object]) -> T:
        """Raises HostUnreachable after HOST_LIMIT_S, waiting for a thread included; `discard` gets a result that comes later than that."""
        executor = self._executors.setdefault(address, ThreadPoolExecutor(THREADS_PER_HOST, thread_name_prefix=f"host {address.kind}"))
        future = executor.submit(lambda: work(self._pool.host(address, timeout_s=HOST_LIMIT_S)))
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), HOST_LIMIT_S)
        except TimeoutError:
            waiting.add_done_callback(lambda late: _discard(late, discard))
            future.cancel()  # if it has not begun
            raise HostUnreachable(f"The host did not answer within {HOST_LIMIT_S:g} s.") from None


def _discard(late: asyncio.Future[T], discard: Callable[[T], object]) -> None:
    if not late.cancelled() and late.exception() is None:
        discard(late.result())


class Broker:
    def __init__(self, connect: Connector, *, linger_s: float = LINGER_S) -> None:
        self._hosts = HostThreads(connect)
        self._linger_s = linger_s
        self._hubs: dict[tuple[HostAddress, UUID], SerialHub] = {}
        self._opening: WeakValueDictionary[tuple[HostAddress, UUID], asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Until cancelled. `listener` is bound, listening and non-blocking."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _sender = await loop.sock_accept(listener)
            except OSError as error:  # out of descriptors: those who wait are answered when some come back
                log.error("cannot accept: %s", error)
                await asyncio.sleep(0.2)
                continue
            task = loop.create_task(self._answer(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, client: socket.socket) -> None:
        with client:
            try:
                _check_peer(client)
                request = _parse(await asyncio.wait_for(_read_line(client), REQUEST_LIMIT_S))
                if request.kind == "listen":
                    with suppress(OSError):  # who asked need not wait for the answer
                        client.send(b'{"ok": true}\n')
                    client.close()
                    await self._listen(request)
                    return
                with await self._open(request) as handed_out:
                    socket.send_fds(client, [b'{"ok": true}\n'], [handed_out.fileno()])
                log.info("%s of guest %s opened", request.kind, request.uuid)
            except _Refusal as refusal:
                log.info("refused: %s: %s", refusal.code, refusal)
                answer = {"ok": False, "error": refusal.code, "message": str(refusal)}
                with suppress(OSError):
                    client.send(json.dumps(answer).encode() + b"\n")
            except (OSError, TimeoutError) as error:
                log.info("a client went away: %s", error or "time limit")

    async def _open(self, request: _Request) -> socket.socket:
        try:
            if request.kind == "display":
                return await self._open_display(request)
            return await self._open_serial(request)
        except HostUnreachable as error:
            raise _Refusal("unreachable", str(error)) from error
        except NotFoundOnHost as error:
            raise _Refusal("not_found", str(error)) from error
        except HypervisorError as error:
            raise await self._explain(request, error) from error

    async def _open_display(self, request: _Request) -> socket.socket:
        fd = await self._hosts.call(request.address, lambda host: host.open_display(request.uuid), discard=os.close)
        return socket.socket(fileno=fd)

    async def _open_serial(self, request: _Request) -> socket.socket:
        # Taken over: a line that a dead broker left behind would otherwise stay "in use" until libvirt notices.
        return (await self._hub(request, take_over=True)).add_viewer()

    async def _listen(self, request: _Request) -> None:
        try:
            hub = await self._hub(request, take_over=False)
        except HypervisorError as error:
            log.debug("not listening to guest %s: %s", request.uuid, error)
            return
        hub.keep()
        key = (request.address, request.uuid)
        self._hubs[key] = self._hubs.pop(key)
        unwatched = [hub for hub in self._hubs.values() if not hub.viewers]
        for oldest in unwatched[:-MAX_UNWATCHED]:
            oldest.close()

    async def _hub(self, request: _Request, *, take_over: bool) -> SerialHub:
        key = (request.address, request.uuid)
        async with self._opening.setdefault(key, asyncio.Lock()):  # two first viewers must not take the line from each other
            hub = self._hubs.get(key)
            if hub is None:
                line = await self._hosts.call(
                    request.address, lambda host: host.open_serial(request.uuid, take_over=take_over), discard=SerialLine.close
                )
                hub = self._hubs[key] = SerialHub(line, linger_s=self._linger_s, on_end=lambda: self._hubs.pop(key, None))
        return hub

    async def _explain(self, request: _Request, error: HypervisorError) -> _Refusal:
        """libvirt's own refusals do not tell a stopped guest from one without a display: look."""
        with suppress(HypervisorError):
            state = await self._hosts.call(request.address, lambda host: host.guest_state(request.uuid), discard=lambda _state: None)
            if state is None:
                return _Refusal("not_found", str(error))
            if state.power_state is PowerState.SHUTOFF:
                return _Refusal("not_running", str(error))
            return _Refusal("no_display" if request.kind == "display" else "refused", str(error))
        return _Refusal("unreachable", str(error))


def _check_peer(client: socket.socket) -> None:
    """The socket's mode keeps others out already; this holds when its folder or mode is changed by mistake."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", credentials)
    if uid not in (0, os.getuid()):
        raise _Refusal("refused", "Only the user who runs kvmweb may ask the console broker.")


async def _read_line(client: socket.socket) -> bytes:
    client.setblocking(False)
    line = b""
    while not line.endswith(b"\n"):
        data = await asyncio.get_running_loop().sock_recv(client, MAX_REQUEST_BYTES)
        line += data
        if not data or len(line) > MAX_REQUEST_BYTES:
            raise _Refusal("refused", "The request has no end or is too long.")
    return line


def listen(path: Path) -> socket.socket:
    """Bind `path` with mode 0600, in place of a socket that a dead broker left; a living one is left alone."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
        else:
            raise SystemExit(f"A console broker is listening on {path} already. Stop it first, or use another KVMWEB_DATA_DIR.")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    old_mask = os.umask(0o177)
    try:
        listener.bind(str(unfinished))
    finally:
        os.umask(old_mask)
    listener.listen(128)
    listener.setblocking(False)
    unfinished.rename(path)  # only now, so that whoever sees the socket is answered
    return listener


async def _run(path: Path, linger_s: float) -> None:
    from hypervisor.libvirt.sessions import connect

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.ensure_future(Broker(connect, linger_s=linger_s).serve(listen(path)))
    log.info("console broker listening on %s", path)
    await asyncio.wait([serving, asyncio.ensure_future(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    path.unlink(missing_ok=True)
    if serving.done():
        serving.result()  # raises what ended it
    # Threads that wait for a frozen host would hold up an ordinary exit by up to 20 s.
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description="kvmweb's console broker")
    parser.add_argument("--socket", required=True, type=Path, help="unix socket to listen on")
    parser.add_argument("--linger-s", type=float, default=LINGER_S, help="keep a serial line open this long after its last viewer")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    options = parser.parse_args()
    logging.basicConfig(level=options.log_level, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(_run(options.socket, options.linger_s))


if __name__ == "__main__":
    main()
