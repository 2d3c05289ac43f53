"""The stand-alone console gateway for larger installations: websockify's handler, our tickets, our relay.

A thread and an event loop per connection; what a connection may reach is kept on its handler, never on the server (websockify's own
LibProxyServer keeps the target on the server object: with 300 parallel connections 30 reached the wrong guest). Tickets, paths,
subprotocols, close codes and limits are those of `consumers`, and so is the code behind them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
import time
from contextlib import suppress
from email.message import Message
from http.server import ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.http import parse_cookie
from uvicorn.middleware.proxy_headers import _TrustedHosts
from websockify.websocket import WebSocketWantReadError, WebSocketWantWriteError
from websockify.websocketproxy import ProxyRequestHandler
from websockify.websockifyserver import CompatibleWebSocket

from console import closing, session
from console.admission import Request
from console.closing import Closing, Refused
from console.consumers import CLOSE_LIMIT_S, SUBPROTOCOL, TICKET_PREFIX
from console.pump import Pump
from console.relay import Note, ViewerLeft
from console.watch import watch
from live.origin import is_our_origin

log = logging.getLogger(__name__)

PATH = re.compile(r"/ws/console/(?P<kind>vnc|serial)/(?P<guest_id>[^/]+)/")
MAX_MESSAGE_BYTES = 1024 * 1024
PING_EVERY_S = 20.0
BUSY_S = 0.05
STOP_WITHIN_S, STOP_SETTLE_S = 3.0, 0.5
FINAL, BINARY, PING, PONG = 0x80, 0x2, 0x9, 0xA


class BoundedWebSocket(CompatibleWebSocket):
    """websockify collects a message of any size, and loses its place when a ping arrives while a message is half sent."""

    _recv_buffer: bytes
    _half_sent = memoryview(b"")
    """Of a data message. Goes before whatever `_send_buffer` holds."""

    def select_subprotocol(self, protocols: list[str]) -> str:
        return SUBPROTOCOL if SUBPROTOCOL in protocols else ""

    def _recv_frames(self) -> bool:
        if len(self._recv_buffer) + len(self._partial_msg) > MAX_MESSAGE_BYTES:
            self.shutdown(socket.SHUT_RDWR, 1009, "That message is too big.")
            self._recv_buffer = b""
            self._received_close = True  # what follows is the rest of it
            return False
        return bool(super()._recv_frames())

    def send_data(self, data: bytes) -> None:
        """As `sendmsg` without copying: header and data go to the kernel as they are. Raises WebSocketWantWriteError: `_flush` then."""
        if self._sent_close:
            return
        if self._send_buffer:  # a control frame that waits
            self._send_buffer += self._encode_hybi(BINARY, data)
            self._flush()
            return
        header = _header(len(data))
        try:
            sent = self.socket.sendmsg([header, data])
        except BlockingIOError:
            sent = 0
        if sent < len(header) + len(data):
            self._half_sent = memoryview(header + data)[sent:] if sent < len(header) else memoryview(data)[sent - len(header) :]
            raise WebSocketWantWriteError

    def _flush(self) -> None:
        if self._half_sent:
            try:
                self._half_sent = self._half_sent[self.socket.send(self._half_sent) :]
            except BlockingIOError:
                raise WebSocketWantWriteError from None
            if self._half_sent:
                raise WebSocketWantWriteError
        super()._flush()

    def go_on(self) -> None:
        self._flush()

    def handle_ping(self, data: bytes) -> None:
        self.send_control(PONG, data)

    def send_control(self, opcode: int, data: bytes = b"") -> None:
        """Behind whatever is half sent; not at all when the peer does not read."""
        if len(self._send_buffer) < MAX_MESSAGE_BYTES and not self._sent_close:
            self._send_buffer += self._encode_hybi(opcode, data)
            with suppress(WebSocketWantWriteError):
                self._flush()


def _header(size: int) -> bytes:
    """Of a whole binary message (RFC 6455, 5.2)."""
    first = FINAL | BINARY
    if size < 126:
        return struct.pack("!BB", first, size)
    return struct.pack("!BBH", first, 126, size) if size <= 0xFFFF else struct.pack("!BBQ", first, 127, size)


class WebsockifyViewer:
    def __init__(self, websocket: BoundedWebSocket) -> None:
        self._websocket = websocket
        websocket.setblocking(False)
        self._fd = websocket.fileno()

    async def receive(self) -> bytes:
        while True:
            try:
                data: bytes | None = self._websocket.recvmsg()
            except WebSocketWantReadError:
                await self._wait_readable()
            except WebSocketWantWriteError:
                await asyncio.sleep(BUSY_S)  # not by the loop's writer: that is the pump's
            except (OSError, AssertionError) as error:
                raise ViewerLeft from error
            else:
                if data is None:
                    raise ViewerLeft
                return data

    async def take_from(self, line: socket.socket, note: Note) -> None:
        await Pump(line, self._websocket, note).run()

    async def close(self, why: Closing) -> None:
        """Send the close and wait a moment for its answer: closing a socket with unread bytes would throw it away."""
        with suppress(TimeoutError, ViewerLeft, OSError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                with suppress(WebSocketWantWriteError):
                    self._websocket.shutdown(socket.SHUT_RDWR, why.code, why.reason)
                while True:
                    await self.receive()

    async def _wait_readable(self) -> None:
        """Pings meanwhile, so that proxies keep the connection and a lost peer is noticed."""
        while True:
            try:
                async with asyncio.timeout(PING_EVERY_S):
                    await _readable(self._fd)
                return
            except TimeoutError:
                self._websocket.send_control(PING)


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(fd)


class ConsoleHandler(ProxyRequestHandler):
    SocketClass = BoundedWebSocket
    timeout = 15
    """To send the request's head; the relay has its own limits."""

    def handle_upgrade(self) -> None:
        path = PATH.fullmatch(self.path.partition("?")[0])
        if path is None:
            self.send_error(404)
        elif not is_our_origin(self._scope()):
            self.send_error(403, "This page may not open consoles here")
        else:
            with asyncio.Runner() as runner:
                self._serve(runner, self._request_of(path))

    def _serve(self, runner: asyncio.Runner, request: Request) -> None:
        self._runner = runner
        try:
            self._opened: session.OpenLine | Closing = runner.run(session.open_line(request))
        except Refused as refused:
            self._opened = refused.closing
        super().handle_upgrade()  # accepts, then calls new_websocket_client
        if isinstance(self._opened, session.OpenLine):
            self._opened.line.close()

    def _request_of(self, path: re.Match[str]) -> Request:
        """Also takes the ticket out of the headers: websockify logs and errors must not see it."""
        offered = [name.strip() for name in self.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        del self.headers["Sec-WebSocket-Protocol"]
        if SUBPROTOCOL in offered:
            self.headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL
        ticket = next((name[len(TICKET_PREFIX) :] for name in offered if name.startswith(TICKET_PREFIX)), "")
        cookie = parse_cookie(self.headers.get("Cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
        return Request(kind=path["kind"], guest_id=path["guest_id"], ticket=ticket, session_key=cookie, address=self._address())

    def _address(self) -> str:
        """The viewer's, also behind proxies we trust: as on the product's own port."""
        peer, proxies = str(self.client_address[0]), _TrustedHosts(settings.TRUSTED_PROXIES)
        forwarded = self.headers.get("X-Forwarded-For", "")
        return proxies.get_trusted_client_address(forwarded)[0] if forwarded and peer in proxies else peer

    def new_websocket_client(self) -> None:
        # What the handshake needed goes: a console may be idle for hours, and there may be hundreds.
        self.rfile.close()
        self.headers = Message()
        self.close_connection = True
        viewer = WebsockifyViewer(self.request)
        self._runner.run(self._carry(viewer))

    async def _carry(self, viewer: WebsockifyViewer) -> None:
        why = self._opened if isinstance(self._opened, Closing) else await session.carry(viewer, self._opened)
        if why is not closing.LEFT:
            await viewer.close(why)

    def _scope(self) -> dict[str, Any]:
        """What `live.origin` reads of an ASGI scope."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return {"headers": headers, "scheme": "ws"}

    def validate_connection(self) -> None:
        """websockify's way to choose the target would keep it on the server."""

    def auth_connection(self) -> None:
        pass

    def do_GET(self) -> None:  # noqa: N802
        if self.path != "/healthz":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def do_HEAD(self) -> None:  # noqa: N802
        self.send_error(404)

    def log_message(self, format: str, *arguments: Any) -> None:
        log.debug("%s %s", self.client_address[0], format % arguments)


class GatewayServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.warning("A console of %s ended with an error.", client_address[0] if client_address else "?", exc_info=True)


def serve(bind: str, port: int) -> None:
    """Until interrupted."""
    with GatewayServer((bind, port), ConsoleHandler) as server:
        log.info("console gateway listening on %s port %s", bind, port)
        try:
            server.serve_forever()
        finally:
            watch.end_all(closing.PROCESS_ENDED, within_s=STOP_WITHIN_S)
            time.sleep(STOP_SETTLE_S)  # the records of the last ones are being written
