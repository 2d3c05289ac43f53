"""Large and slow bodies end before anything is done with them."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from kvmweb.rest.body_limit import LIMIT_BYTES, BodyLimit, once


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads all, as Django does, and then answers how much it was."""
    read, has_more = 0, True
    while has_more:
        message = await receive()
        read, has_more = read + len(message["body"]), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(read).encode()})


async def status_of(chunks: list[bytes], headers: list[tuple[bytes, bytes]]) -> int:
    communicator = ApplicationCommunicator(BodyLimit(echo), {"type": "http", "method": "POST", "path": "/", "headers": headers})
    for number, chunk in enumerate(chunks):
        await communicator.send_input({"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1})
    start = await communicator.receive_output(1)
    await communicator.receive_output(1)
    return int(start["status"])


@pytest.mark.parametrize(
    ("chunks", "headers", "status"),
    [
        ([b"x"], [], 200),
        ([b"x" * LIMIT_BYTES], [], 200),
        ([b"x" * LIMIT_BYTES, b"x"], [], 413),
        ([], [(b"content-length", b"10000000000")], 413),
        ([b"x"], [(b"content-length", b"-1")], 200),
    ],
)
async def test_a_body_over_the_limit_is_413(chunks: list[bytes], headers: list[tuple[bytes, bytes]], status: int) -> None:
    assert await status_of(chunks, headers) == status


async def test_a_body_that_does_not_come_costs_no_thread() -> None:
    asked = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope)

    headers = [(b"content-length", b"100")]
    communicator = ApplicationCommunicator(
        BodyLimit(app, limit_s=0.05), {"type": "http", "method": "POST", "path": "/", "headers": headers}
    )
    await communicator.send_input({"type": "http.request", "body": b"x", "more_body": True})
    start = await communicator.receive_output(1)
    assert (start["status"], asked) == (408, [])


async def test_a_body_is_handed_on_whole_and_only_once_it_is() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await receive())
        await echo(scope, once(b"", then=receive), send)

    communicator = ApplicationCommunicator(BodyLimit(app), {"type": "http", "method": "POST", "path": "/", "headers": []})
    await communicator.send_input({"type": "http.request", "body": b"one ", "more_body": True})
    assert await communicator.receive_nothing(0.05)
    assert seen == []
    await communicator.send_input({"type": "http.request", "body": b"two", "more_body": False})
    await communicator.receive_output(1)
    assert seen == [{"type": "http.request", "body": b"one two", "more_body": False}]


async def test_who_leaves_in_the_middle_is_not_served() -> None:
    asked = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope)

    communicator = ApplicationCommunicator(BodyLimit(app), {"type": "http", "method": "POST", "path": "/", "headers": []})
    await communicator.send_input({"type": "http.request", "body": b"one ", "more_body": True})
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(1)
    assert asked == []
