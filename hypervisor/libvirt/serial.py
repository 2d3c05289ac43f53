"""A guest's serial line: a libvirt stream, carried to one end of a socket pair by libvirt's event loop.

Everything here runs as callbacks on the event loop's thread and never blocks: bytes that the reader does not take stay with libvirt.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import libvirt

CHUNK_BYTES = 64 * 1024
_READ, _WRITE = libvirt.VIR_STREAM_EVENT_READABLE, libvirt.VIR_STREAM_EVENT_WRITABLE
_END = libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP


class StreamLine:
    """A `port.SerialLine`. The socket behind `fileno` reads b"" when the guest stopped, the host went, or the line was taken over."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._outer, self._inner = socket.socketpair()
        self._inner.setblocking(False)
        self._to_reader = b""
        self._to_guest = b""
        self._is_over = False
        self._lock = threading.RLock()
        stream.eventAddCallback(_READ | _END, self._on_stream, None)
        self._watch = libvirt.virEventAddHandle(self._inner.fileno(), libvirt.VIR_EVENT_HANDLE_READABLE, self._on_socket, None)

    def fileno(self) -> int:
        return self._outer.fileno()

    def detach(self) -> int:
        """Give the socket away; the line ends when its new owner closes it."""
        return self._outer.detach()

    def close(self) -> None:
        self._outer.close()
        self._end()

    def _on_stream(self, _stream: Any, events: int, _opaque: Any) -> None:
        with self._lock:
            if self._is_over:
                return
            if events & _READ:
                self._receive()
            if events & _WRITE:
                self._send()
            if events & _END:
                self._end()

    def _on_socket(self, _watch: int, _fd: int, events: int, _opaque: Any) -> None:
        with self._lock:
            if self._is_over:
                return
            if events & libvirt.VIR_EVENT_HANDLE_WRITABLE:
                self._flush_to_reader()
            if events & libvirt.VIR_EVENT_HANDLE_READABLE:
                self._take_input()
            elif events & (libvirt.VIR_EVENT_HANDLE_HANGUP | libvirt.VIR_EVENT_HANDLE_ERROR):
                self._end()

    def _receive(self) -> None:
        try:
            data = self._stream.recv(CHUNK_BYTES)
        except libvirt.libvirtError:
            return self._end()
        if data == -2:  # would block
            return None
        if not data:
            return self._end()
        self._to_reader += data
        return self._flush_to_reader()

    def _flush_to_reader(self) -> None:
        try:
            self._to_reader = self._to_reader[self._inner.send(self._to_reader) :]
        except BlockingIOError:
            pass
        except OSError:
            return self._end()
        return self._want()

    def _take_input(self) -> None:
        try:
            data = self._inner.recv(CHUNK_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            return self._end()
        self._to_guest += data
        return self._send()

    def _send(self) -> None:
        if self._to_guest:
            try:
                sent = self._stream.send(self._to_guest)
            except libvirt.libvirtError:
                return self._end()
            if sent > 0:
                self._to_guest = self._to_guest[sent:]
        return self._want()

    def _want(self) -> None:
        """Ask for events so that neither direction holds more than one chunk."""
        if self._is_over:
            return
        stream = _END | (0 if self._to_reader else _READ) | (_WRITE if self._to_guest else 0)
        handle = (libvirt.VIR_EVENT_HANDLE_WRITABLE if self._to_reader else 0) | (
            0 if self._to_guest else libvirt.VIR_EVENT_HANDLE_READABLE
        )
        with suppress(libvirt.libvirtError):
            self._stream.eventUpdateCallback(stream)
        libvirt.virEventUpdateHandle(self._watch, handle)

    def _end(self) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            libvirt.virEventRemoveHandle(self._watch)
            with suppress(libvirt.libvirtError):
                self._stream.eventRemoveCallback()
            self._inner.close()
            # abort() waits for the host's answer; on this thread a frozen host would hold up the events of all others.
            threading.Thread(target=_abort, args=(self._stream,), name="end serial line", daemon=True).start()


def _abort(stream: Any) -> None:
    with suppress(libvirt.libvirtError):
        stream.abort()
