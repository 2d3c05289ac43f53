"""One guest's serial line shared by many viewers, on an asyncio loop. Knows sockets only, neither libvirt nor who may look.

What the guest writes goes to a ring, replayed to each new viewer, and to every viewer; what any viewer types goes to the guest. Nothing
here waits: a viewer that does not read is skipped over and holds up nobody, a guest that does not read pauses its viewers' typing.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from contextlib import suppress

from hypervisor.port import SerialLine

SCROLLBACK_BYTES = 256 * 1024
BACKLOG_BYTES = 1024 * 1024
"""What one slow viewer may keep waiting in our memory."""
TYPED_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024
SKIPPED = b"\r\n\x1b[0m[kvmweb: output skipped, this viewer was too slow]\r\n"


class Viewer:
    """Our end of one viewer's socket pair."""

    def __init__(self, hub: SerialHub) -> None:
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._ours, self.theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._backlog = bytearray()
        self._is_ending = False
        self._loop.add_reader(self._ours, self._typed)

    @property
    def backlog_bytes(self) -> int:
        return len(self._backlog)

    def show(self, data: bytes) -> None:
        if len(self._backlog) + len(data) > BACKLOG_BYTES:
            # Go on from the scrollback's end: old output is what a late viewer misses least.
            data = SKIPPED + self._hub.scrollback()
            self._backlog.clear()
        was_empty = not self._backlog
        self._backlog += data
        if was_empty:
            self._flush()

    def pause(self, *, is_paused: bool) -> None:
        if self._ours.fileno() >= 0:
            self._loop.remove_reader(self._ours)
            if not is_paused:
                self._loop.add_reader(self._ours, self._typed)

    @property
    def has_left(self) -> bool:
        """Also while paused, when nothing is read from it."""
        poll = select.poll()
        poll.register(self._ours, 0)  # reports a hang-up only
        return bool(poll.poll(0))

    def end(self) -> None:
        """Close once what is waiting has been read."""
        self._is_ending = True
        if not self._backlog:
            self.close()

    def close(self) -> None:
        if self._ours.fileno() >= 0:
            self._loop.remove_reader(self._ours)
            self._loop.remove_writer(self._ours)
            self._ours.close()
        self._hub.forget(self)

    def _flush(self) -> None:
        try:
            while self._backlog:
                del self._backlog[: self._ours.send(self._backlog[:CHUNK_BYTES])]
        except BlockingIOError:
            self._loop.add_writer(self._ours, self._flush)
            return
        except OSError:
            self.close()
            return
        self._loop.remove_writer(self._ours)
        if self._is_ending:
            self.close()

    def _typed(self) -> None:
        try:
            data = self._ours.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._hub.type(data)
        else:
            self.close()


class SerialHub:
    """Owns `line` and ends with it. `on_end` is called once, when the guest or the line is gone or nobody has looked for `linger_s`."""

    def __init__(self, line: SerialLine, *, linger_s: float, on_end: Callable[[], object]) -> None:
        self._line = line
        self._linger_s = linger_s
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(fileno=_duplicate(line))
        self._socket.setblocking(False)
        self._ring = bytearray()
        self._typed = bytearray()
        self._viewers: set[Viewer] = set()
        self._is_over = False
        self._lingering: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._socket, self._receive)
        self._linger()

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def scrollback(self) -> bytes:
        return bytes(self._ring)

    def add_viewer(self) -> socket.socket:
        """The socket to give away. It reads b"" when the line ends."""
        if self._lingering:
            self._lingering.cancel()
        # Who was paused and left would stay for as long as the guest neither reads nor writes.
        for old in [old for old in self._viewers if old.has_left]:
            old.close()
        viewer = Viewer(self)
        self._viewers.add(viewer)
        if len(self._typed) > TYPED_BYTES:
            viewer.pause(is_paused=True)
        if self._ring:
            viewer.show(self.scrollback())
        return viewer.theirs

    def keep(self) -> None:
        """Begin the time without viewers anew."""
        if not self._viewers and not self._is_over:
            self._linger()

    def forget(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        self.keep()

    def type(self, data: bytes) -> None:
        self._typed += data
        self._flush()

    def close(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._lingering:
            self._lingering.cancel()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._line.close()
        for viewer in list(self._viewers):
            viewer.end()
        self._on_end()

    def _linger(self) -> None:
        if self._lingering:
            self._lingering.cancel()
        self._lingering = self._loop.call_later(self._linger_s, self.close)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._ring += data
        del self._ring[:-SCROLLBACK_BYTES]
        for viewer in list(self._viewers):
            viewer.show(data)

    def _flush(self) -> None:
        if self._is_over:
            return
        was_full = len(self._typed) > TYPED_BYTES
        with suppress(BlockingIOError):
            try:
                while self._typed:
                    del self._typed[: self._socket.send(self._typed)]
            except BlockingIOError:
                raise
            except OSError:
                self.close()
                return
        if self._typed:
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)
        is_full = len(self._typed) > TYPED_BYTES
        if is_full or was_full:
            for viewer in self._viewers:
                viewer.pause(is_paused=is_full)


def _duplicate(line: SerialLine) -> int:
    return socket.fromfd(line.fileno(), socket.AF_UNIX, socket.SOCK_STREAM).detach()
