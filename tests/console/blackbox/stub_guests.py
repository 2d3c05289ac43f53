"""Guests for the stub broker: an echo, a flood, one that never reads, and a small VNC server that writes down what it was sent."""

from __future__ import annotations

import socket
import struct
import threading


def echo(line: socket.socket) -> None:
    while data := line.recv(65536):
        line.sendall(data)


def flood(line: socket.socket) -> None:
    block = bytes(range(256)) * 1024
    while True:
        line.sendall(block)


def deaf(line: socket.socket) -> None:
    """Sends one byte and never reads."""
    line.sendall(b"!")
    threading.Event().wait(60)


class Hangs:
    """Says hello, then waits until the test lets it go."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def __call__(self, line: socket.socket) -> None:
        line.sendall(b"hello")
        self.released.wait(60)


class VncServer:
    """RFB 3.8 without a login, 64x48 pixels. `seen`: (message type, body) of everything after the handshake."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bytes]] = []
        self.shared: int | None = None

    def __call__(self, line: socket.socket) -> None:
        stream = line.makefile("rb")
        line.sendall(b"RFB 003.008\n")
        assert stream.read(12) == b"RFB 003.008\n"
        line.sendall(b"\x01\x01")
        assert stream.read(1) == b"\x01"
        line.sendall(struct.pack("!I", 0))
        self.shared = stream.read(1)[0]
        pixel_format = struct.pack("!BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
        line.sendall(struct.pack("!HH", 64, 48) + pixel_format + struct.pack("!I", 4) + b"stub")
        while kind := stream.read(1):
            self._message(line, stream, kind[0])

    def _message(self, line: socket.socket, stream, kind: int) -> None:
        body = stream.read({0: 19, 2: 3, 3: 9, 4: 7, 5: 5, 6: 7}[kind])
        if kind == 2:
            body += stream.read(4 * struct.unpack("!xH", body)[0])
        if kind == 6:
            body += stream.read(struct.unpack("!3xI", body)[0])
        self.seen.append((kind, body))
        if kind == 3:
            picture = struct.pack("!BxHHHHHi", 0, 1, 0, 0, 64, 48, 0) + b"\x10\x20\x30\x00" * (64 * 48)
            line.sendall(picture)
