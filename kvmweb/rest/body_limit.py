"""No request body beyond what any endpoint takes, however it is announced, and none that takes its time. Answers as REST does.

Django runs in a few threads (`kvmweb.asgi`), and a thread that reads a body waits for it: a handful of clients that announce one and send
nothing would stop the product. So a body is taken whole before a thread is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from kvmweb.errors import KvmwebError
from kvmweb.rest.errors import error_body, too_large

LIMIT_BYTES = 2 * 1024 * 1024
"""More than any endpoint's own limit, so that an endpoint can say it better."""
LIMIT_S = 30.0

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class TooLarge(Exception):
    pass


class ClientLeft(Exception):
    pass


class BodyLimit:
    """ASGI middleware around the HTTP application. A length that was announced is refused unread; a longer body when it gets there."""

    def __init__(self, app: App, *, limit_s: float = LIMIT_S) -> None:
        self.app = app
        self.limit_s = limit_s

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            if announced_length(scope) > LIMIT_BYTES:
                raise TooLarge
            async with asyncio.timeout(self.limit_s):
                body = await whole_body(receive)
        except TooLarge:
            await refuse(send, too_large(LIMIT_BYTES // 1024**2))
        except TimeoutError:
            await refuse(send, too_slow())
        except ClientLeft:
            return
        else:
            await self.app(scope, once(body, then=receive), send)


async def whole_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if len(body) > LIMIT_BYTES:
            raise TooLarge
        if not message.get("more_body", False):
            return bytes(body)


def once(body: bytes, *, then: Receive) -> Receive:
    """`body` as one message, and after it what the server says."""
    waiting = [body]

    async def receive() -> Message:
        return {"type": "http.request", "body": waiting.pop(), "more_body": False} if waiting else await then()

    return receive


def announced_length(scope: Message) -> int:
    for name, value in scope.get("headers", ()):
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def too_slow() -> KvmwebError:
    error = KvmwebError("The body did not arrive in time.", hint="Check your connection, then try again.", code="too_slow")
    error.status = 408
    return error


async def refuse(send: Send, error: KvmwebError) -> None:
    body = orjson.dumps(error_body(error, ""))
    # Close: the rest of the body is still on its way.
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
