"""A guest's serial line: a libvirt stream, carried to one end of a socket pair by libvirt's event loop.

What the guest writes is carried by callbacks on the event loop's thread, which never block: bytes that the reader does not take stay with
libvirt. What is typed has a thread of its own, because libvirt waits in send() for a guest that does not read.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import libvirt

CHUNK_BYTES = 64 * 1024
AGAIN_S = 0.02
_READ = libvirt.VIR_STREAM_EVENT_READABLE
_END = libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP


class StreamLine:
    """A `port.SerialLine`. The socket behind `fileno` reads b"" when the guest stopped, the host went, or the line was taken over.

    `connection` carries nothing else and is closed with the line: libvirtd stops reading it while a guest does not take what was typed, so
    that every other call on it would wait too.
    """

    def __init__(self, stream: Any, connection: Any) -> None:
        self._stream = stream
        self._connection = connection
        self._outer, self._inner = socket.socketpair()
        self._inner.setblocking(False)
        self._to_reader = b""
        self._is_over = False
        self._lock = threading.RLock()
        stream.eventAddCallback(_READ | _END, self._on_stream, None)
        self._watch = libvirt.virEventAddHandle(self._inner.fileno(), 0, self._on_socket, None)
        threading.Thread(target=self._carry_typed, args=(self._inner.dup(),), name="serial line", daemon=True).start()

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
            if events & _END:
                self._end()

    def _on_socket(self, _watch: int, _fd: int, events: int, _opaque: Any) -> None:
        with self._lock:
            if self._is_over:
                return
            if events & libvirt.VIR_EVENT_HANDLE_WRITABLE:
                self._flush_to_reader()
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

    def _carry_typed(self, typed: socket.socket) -> None:
        """Its own thread. `typed` ends when the reader closes its end, or by `_end`."""
        ready = select.poll()
        ready.register(typed, select.POLLIN)
        with typed, suppress(libvirt.libvirtError, OSError):
            while not self._is_over:
                ready.poll()
                data = typed.recv(CHUNK_BYTES)
                if not data:
                    break
                while data and not self._is_over:
                    sent = self._stream.send(data)
                    if sent > 0:
                        data = data[sent:]
                    else:
                        time.sleep(AGAIN_S)
        self._end()

    def _want(self) -> None:
        """Ask for events so that no more than one chunk is held."""
        if self._is_over:
            return
        stream = _END | (0 if self._to_reader else _READ)
        with suppress(libvirt.libvirtError):
            self._stream.eventUpdateCallback(stream)
        libvirt.virEventUpdateHandle(self._watch, libvirt.VIR_EVENT_HANDLE_WRITABLE if self._to_reader else 0)

    def _end(self) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            libvirt.virEventRemoveHandle(self._watch)
            with suppress(OSError):
                self._inner.shutdown(socket.SHUT_RDWR)  # wakes the thread of what is typed
            self._inner.close()
            # These wait for the host's answer; on this thread a frozen host would hold up the events of all others.
            threading.Thread(target=_abort, args=(self._stream, self._connection), name="end serial line", daemon=True).start()


def _abort(stream: Any, connection: Any) -> None:
    for last in (stream.eventRemoveCallback, stream.abort, connection.close):
        with suppress(libvirt.libvirtError):
            last()
