"""A console broker for tests: speaks the broker's protocol and gives out sockets to guests that are Python functions."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Guest = Callable[[socket.socket], None]
"""Runs in a thread of its own with the guest's end of the line, which is closed when it returns."""


class StubBroker:
    def __init__(self, path: Path) -> None:
        self._guests: dict[str, Guest] = {}
        self._paths: dict[str, Path] = {}
        self._errors: dict[str, str] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(512)
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def plug(self, uuid: str, guest: Guest) -> None:
        self._errors.pop(uuid, None)
        self._guests[uuid] = guest

    def plug_socket(self, uuid: str, path: Path) -> None:
        """A display that is a unix socket, handed out connected, as the real broker does."""
        self._paths[uuid] = path

    def refuse(self, uuid: str, error: str) -> None:
        self._errors[uuid] = error

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        asked = json.loads(client.makefile("rb").readline())
        uuid = asked["uuid"]
        error = self._errors.get(uuid) or ("" if uuid in self._guests or uuid in self._paths else "not_found")
        if error:
            client.sendall(json.dumps({"ok": False, "error": error, "message": "/secret/path on host h1"}).encode() + b"\n")
            return
        if uuid in self._paths:
            with socket.socket(socket.AF_UNIX) as display:
                display.connect(str(self._paths[uuid]))
                socket.send_fds(client, [b'{"ok": true}\n'], [display.fileno()])
            return
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(client, [b'{"ok": true}\n'], [theirs.fileno()])
        threading.Thread(target=_run, args=(self._guests[uuid], ours), daemon=True).start()


def _run(guest: Guest, line: socket.socket) -> None:
    with line, suppress(OSError):  # the viewer left
        guest(line)
