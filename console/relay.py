"""Carries bytes between a viewer and a guest's line until one of them, or a lost right, ends it. Knows no database and no server.

Memory is bounded in both directions without a buffer of our own: a chunk is read only after the one before it was taken. A viewer
that stops reading costs one chunk here and at most one more in the server's transport; a guest that stops reading leaves the
viewer's messages in its TCP socket.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Protocol

from console import closing
from console.closing import Closing, Refused
from console.rfb import InputFilter
from console.watch import Watched

STUCK_LINE_S = 60.0
"""A guest that takes no input for so long is given up: while we wait for it, a viewer that left goes unnoticed."""


Note = Callable[[int], None]
"""So many bytes went to the viewer."""


class Viewer(Protocol):
    async def receive(self) -> bytes:
        """The next message. Raises ViewerLeft, or Refused when it is not one for a console."""

    async def take_from(self, line: socket.socket, note: Note) -> None:
        """Send what the line gives until it ends, reading only what the viewer takes: this is the back pressure. Raises ViewerLeft."""


class ViewerLeft(Exception):
    """The browser closed the socket or lost the connection."""


async def relay(viewer: Viewer, line: socket.socket, *, inputs: InputFilter, watched: Watched, ended: asyncio.Future[Closing]) -> Closing:
    """`ended` is how the rights watch stops it. Returns why it ended; the line is closed then, the viewer is not."""
    to_line = asyncio.ensure_future(_viewer_to_line(viewer, line, inputs=inputs, watched=watched))
    to_viewer = asyncio.ensure_future(_line_to_viewer(viewer, line, inputs=inputs, watched=watched))
    try:
        done, _ = await asyncio.wait((ended, to_line, to_viewer), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (to_line, to_viewer):
            task.cancel()
        await asyncio.wait((to_line, to_viewer))
        line.close()
    return (ended if ended in done else done.pop()).result()


async def _line_to_viewer(viewer: Viewer, line: socket.socket, *, inputs: InputFilter, watched: Watched) -> Closing:
    def note(count: int) -> None:
        watched.to_viewer_bytes += count
        if inputs.is_watching:
            watched.active_s = time.monotonic()

    try:
        await viewer.take_from(line, note)
    except ViewerLeft:
        return closing.LEFT
    except ConnectionError:
        pass
    return closing.LINE_ENDED


async def _viewer_to_line(viewer: Viewer, line: socket.socket, *, inputs: InputFilter, watched: Watched) -> Closing:
    try:
        while True:
            data = await viewer.receive()
            if inputs.is_activity(data):
                watched.active_s = time.monotonic()
            if allowed := inputs.allowed(data):
                watched.to_guest_bytes += len(allowed)
                await _send_to_line(line, allowed)
    except ViewerLeft:
        return closing.LEFT
    except Refused as refused:
        return refused.closing
    except (ConnectionError, TimeoutError):
        return closing.LINE_ENDED


async def receive_from(line: socket.socket, chunk_bytes: int) -> bytes:
    """As `loop.sock_recv`, which on uvloop 0.23 registers and unregisters with epoll even when there are bytes: 9 system calls a chunk."""
    while True:
        try:
            return line.recv(chunk_bytes)
        except BlockingIOError:
            await _readable(line)


async def _readable(line: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(line, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(line)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _send_to_line(line: socket.socket, data: bytes) -> None:
    try:
        sent = line.send(data)
    except BlockingIOError:
        sent = 0
    if sent < len(data):
        async with asyncio.timeout(STUCK_LINE_S):
            await asyncio.get_running_loop().sock_sendall(line, memoryview(data)[sent:])
