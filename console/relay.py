"""Carries bytes between a viewer and a guest's line until one of them, or a lost right, ends it. Knows no database and no server.

Memory is bounded in both directions without a buffer of our own: a chunk is read only after the one before it was taken. A viewer
that stops reading costs one chunk here and at most one more in the server's transport; a guest that stops reading leaves the
viewer's messages in its TCP socket.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Protocol

from console import closing
from console.closing import Closing, Refused
from console.rfb import InputFilter
from console.watch import Watched

STUCK_LINE_S = 60.0
"""A guest that takes no input for so long is given up: while we wait for it, a viewer that left goes unnoticed."""


class Viewer(Protocol):
    chunk_bytes: int
    """How much to read from the line at once: what this server sends at the least cost."""

    async def receive(self) -> bytes:
        """The next message. Raises ViewerLeft, or Refused when it is not one for a console."""

    async def send(self, data: bytes) -> None:
        """Returns when the server would take more: this is the back pressure. Raises ViewerLeft."""


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
    is_watching = inputs.is_watching
    try:
        while data := await _receive_from_line(line, viewer.chunk_bytes):
            if is_watching:
                watched.active_s = time.monotonic()
            watched.to_viewer_bytes += len(data)
            await viewer.send(data)
            # Neither a guest that always has bytes nor a viewer that always takes them waits: give the other consoles their turn.
            await asyncio.sleep(0)
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


async def _receive_from_line(line: socket.socket, chunk_bytes: int) -> bytes:
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
