"""Bodies of requests end at 2 MiB, before Django writes them to a temporary file: nothing of ours takes more. Answers as REST does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from kvmweb.rest.errors import error_body, too_large

LIMIT_BYTES = 2 * 1024 * 1024
"""More than any endpoint's own limit, so that an endpoint can say it better."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class TooLarge(Exception):
    pass


class BodyLimit:
    """ASGI middleware around the HTTP application. A length that was announced is refused unread; a longer body when it gets there."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if announced_length(scope) > LIMIT_BYTES:
            await refuse(send)
            return
        read = 0

        async def receive_limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LIMIT_BYTES:
                raise TooLarge
            return message

        try:
            await self.app(scope, receive_limited, send)
        except TooLarge:
            # Django reads the whole body before it answers anything, so nothing was sent yet.
            await refuse(send)


def announced_length(scope: Message) -> int:
    for name, value in scope.get("headers", ()):
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


async def refuse(send: Send) -> None:
    body = orjson.dumps(error_body(too_large(LIMIT_BYTES // 1024**2), ""))
    # Close: the rest of the body is still on its way.
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
