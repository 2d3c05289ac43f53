"""/ws/console/<kind>/<guest id>/ on the product's own port.

An ASGI application rather than an AsyncWebsocketConsumer: that dispatches messages one after the other from a queue of its own, so
that a display that does not read would hold up the close, and it waits on a channel layer that a relay has no use for (two more tasks
and a redis subscription per console).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.http import parse_cookie

from console import closing, session
from console.admission import Request
from console.closing import Closing, Refused
from console.relay import Note, ViewerLeft, receive_from
from live.origin import header, is_our_origin

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SUBPROTOCOL = "binary"
TICKET_PREFIX = "ticket."
CLOSE_LIMIT_S = 2.0
CHUNK_BYTES = 256 * 1024


class AsgiViewer:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def receive(self) -> bytes:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise ViewerLeft
        data: bytes | None = message.get("bytes")
        if data is None:
            raise Refused(closing.NOT_BINARY)
        return data

    async def take_from(self, line: socket.socket, note: Note) -> None:
        while data := await receive_from(line, CHUNK_BYTES):
            note(len(data))
            try:
                await self._send({"type": "websocket.send", "bytes": data})
            except OSError as error:  # ASGI: a server's send raises one after the client left
                raise ViewerLeft from error
            # Neither a guest that always has bytes nor a viewer that always takes them waits: give the other consoles their turn.
            await asyncio.sleep(0)


async def console(scope: Scope, receive: Receive, send: Send) -> None:
    """`kind` and `guest_id` come from the route."""
    await receive()
    if not is_our_origin(scope):
        await _forbid(scope, send)
        return
    await send_line(scope, receive, send)


async def send_line(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        opened = await session.open_line(request_of(scope))
    except Refused as refused:
        # Accepted first, or the browser would be told neither code nor reason.
        await _accept(scope, send)
        await _close(send, refused.closing)
        return
    await _accept(scope, send)
    why = await session.carry(AsgiViewer(receive, send), opened)
    if why is not closing.LEFT:
        await _close(send, why)


def request_of(scope: Scope) -> Request:
    """Raises Refused when there is no ticket. `?` parameters are ignored."""
    ticket = next((name[len(TICKET_PREFIX) :] for name in scope["subprotocols"] if name.startswith(TICKET_PREFIX)), "")
    if not ticket:
        raise Refused(closing.BAD_TICKET)
    route = scope["url_route"]["kwargs"]
    cookie = parse_cookie(header(scope, b"cookie")).get(settings.SESSION_COOKIE_NAME, "")
    client = scope.get("client") or ("",)
    return Request(kind=route["kind"], guest_id=str(route["guest_id"]), ticket=ticket, session_key=cookie, address=client[0])


async def _accept(scope: Scope, send: Send) -> None:
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": subprotocol})


async def _close(send: Send, why: Closing) -> None:
    # A viewer that does not read keeps the server from writing even this; its connection is dropped then.
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await send({"type": "websocket.close", "code": why.code, "reason": why.reason})


async def _forbid(scope: Scope, send: Send) -> None:
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = b"This page may not open consoles here. Open the console from kvmweb itself.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": 403, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
