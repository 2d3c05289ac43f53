"""What is carried: bytes intact both ways, view-only enforced, memory bounded, and plain reasons when the guest cannot be shown."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.console.blackbox.stage import FrontEnd, Scene, Stage, close_of
from tests.console.blackbox.stub_guests import Hangs, VncServer, deaf, echo, flood

MakeScene = Callable[..., Scene]
MIB = 1024 * 1024


def resident_bytes(front: FrontEnd) -> int:
    return int(Path(f"/proc/{front.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_big_transfers_arrive_intact_both_ways(scene: MakeScene) -> None:
    sent, received = hashlib.sha256(), hashlib.sha256()
    blocks = [os.urandom(size) for size in (1, 125, 126, 65535, 65536, 100_000)] * 40
    total = sum(map(len, blocks))

    async with scene(echo).open() as connection:

        async def write() -> None:
            for block in blocks:
                sent.update(block)
                await connection.send(block)

        async def read() -> None:
            missing = total
            while missing:
                data = await connection.recv()
                assert isinstance(data, bytes)
                received.update(data)
                missing -= len(data)

        await asyncio.gather(write(), read())
    assert sent.digest() == received.digest()


async def test_a_serial_line_carries_control_characters(scene: MakeScene) -> None:
    async with scene(echo, kind="serial").open() as connection:
        for keys in (b"\x03", b"\x00", "ü".encode(), b"\x1b[A", bytes(range(256))):
            await connection.send(keys)
            assert await connection.recv() == keys


async def test_text_messages_are_refused(scene: MakeScene) -> None:
    async with scene(echo).open() as connection:
        await connection.send("text")
        assert (await close_of(connection))[0] == 1003


async def test_a_message_too_big_for_a_console_is_refused(scene: MakeScene) -> None:
    async with scene(Hangs()).open() as connection:
        with contextlib.suppress(ConnectionClosed):
            await connection.send(bytes(8 * MIB))
        assert (await close_of(connection))[0] == 1009


async def test_many_viewers_reach_their_own_guests(scene: MakeScene) -> None:
    """Stock websockify keeps the target on the server: 30 of 300 parallel connections reached the wrong guest there."""

    def names_itself(name: bytes) -> Callable[[socket.socket], None]:
        return lambda line: line.sendall(name)

    scenes = [scene() for _ in range(10)]
    for here in scenes:
        here.stage.broker.plug(here.uuid, names_itself(here.guest.encode()))
    viewers = [(here, here.ticket()) for here in scenes for _ in range(10)]

    async def reached(here: Scene, ticket: str) -> bool:
        async with here.front.connect(here.path, ticket, cookie=here.cookie) as connection:
            return await connection.recv() == here.guest.encode()

    assert all(await asyncio.gather(*(reached(here, ticket) for here, ticket in viewers)))


async def _shake_hands(connection, *, shared: bytes = b"\x00") -> None:
    await connection.send(b"RFB 003.008\n")
    await connection.send(b"\x01")
    await connection.send(shared)


async def test_view_only_drops_input_and_keeps_the_picture(scene: MakeScene) -> None:
    server = VncServer()
    key = struct.pack("!BBxxI", 4, 1, ord("a"))
    pointer = struct.pack("!BBHH", 5, 1, 10, 10)
    paste = struct.pack("!BxxxI", 6, 5) + b"hello"
    refresh = struct.pack("!BBHHHH", 3, 0, 0, 0, 64, 48)
    encodings = struct.pack("!BxHii", 2, 2, 0, -223)
    async with scene(server).open(mode="view") as connection:
        await _shake_hands(connection)
        everything = key + encodings + pointer + paste + refresh + key + pointer
        await connection.send(everything)
        for byte in everything:  # the same, one byte a message
            await connection.send(bytes([byte]))
        received = b""
        while len(received) < 2 * 64 * 48 * 4:
            data = await connection.recv()
            assert isinstance(data, bytes)
            received += data
    assert [kind for kind, _ in server.seen] == [2, 3, 2, 3]
    assert server.shared == 1, "a watcher must not throw others out"


async def test_control_passes_input(scene: MakeScene) -> None:
    server = VncServer()
    async with scene(server).open() as connection:
        await _shake_hands(connection)
        await connection.send(struct.pack("!BBxxI", 4, 1, ord("a")) + struct.pack("!BBHHHH", 3, 0, 0, 0, 64, 48))
        while sum(1 for _ in server.seen) < 2:
            await connection.recv()
    assert [kind for kind, _ in server.seen] == [4, 3]


async def test_view_only_refuses_what_it_does_not_understand(scene: MakeScene) -> None:
    server = VncServer()
    async with scene(server).open(mode="view") as connection:
        await _shake_hands(connection)
        await connection.send(b"\x63" + b"\x04\x01\x00\x00\x00\x00\x00a")
        assert (await close_of(connection))[0] == 4503
    assert server.seen == []


async def test_view_only_types_nothing_on_a_serial_line(scene: MakeScene) -> None:
    async with scene(echo, kind="serial").open(mode="view") as connection:
        await connection.send(b"reboot\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await connection.recv()


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        ("not_running", 4409, "Start it"),
        ("not_found", 4404, "no such guest"),
        ("unreachable", 4503, "does not answer"),
        ("no_display", 4503, "no screen"),
        ("refused", 4503, "no screen"),
    ],
)
async def test_a_guest_that_cannot_be_shown_says_why_without_naming_hosts(scene: MakeScene, error: str, code: int, says: str) -> None:
    here = scene()
    here.stage.broker.refuse(here.uuid, error)
    async with here.open() as connection:
        got, reason = await close_of(connection)
    assert (got, says in reason) == (code, True)
    assert "/secret" not in reason
    assert "h1" not in reason


async def test_a_guest_that_stops_while_open_says_so(scene: MakeScene) -> None:
    guest = Hangs()
    here = scene(guest)
    async with here.open() as connection:
        assert await connection.recv() == b"hello"
        here.stage.broker.refuse(here.uuid, "not_running")
        guest.released.set()
        assert (await close_of(connection))[0] == 4409


async def test_a_viewer_that_does_not_read_costs_at_most_1_mib(scene: MakeScene) -> None:
    here = scene(flood)
    async with here.open() as warm_up:
        for _ in range(50):
            await warm_up.recv()
    before = resident_bytes(here.front)
    async with here.open(max_queue=1) as connection:
        await connection.recv()
        connection.transport.pause_reading()
        peak = await _peak(here.front, 3.0)
        connection.transport.abort()
    assert peak - before <= 1 * MIB


async def test_a_guest_that_does_not_read_costs_at_most_1_mib(scene: MakeScene) -> None:
    here = scene(deaf)
    block = os.urandom(65536)

    async def pour(connection) -> None:
        for _ in range(4000):  # 250 MiB
            await connection.send(block)

    async with here.open() as connection:
        before = resident_bytes(here.front)
        pouring = asyncio.ensure_future(pour(connection))
        peak = await _peak(here.front, 3.0)
        assert not pouring.done(), "the viewer was never held up"
        pouring.cancel()
        connection.transport.abort()
        with pytest.raises((asyncio.CancelledError, ConnectionClosed)):
            await pouring
    assert peak - before <= 1 * MIB


async def _peak(front: FrontEnd, for_s: float) -> int:
    deadline = time.monotonic() + for_s
    peak = 0
    while time.monotonic() < deadline:
        peak = max(peak, resident_bytes(front))
        await asyncio.sleep(0.05)
    return peak


async def test_compression_is_not_agreed_to(scene: MakeScene, stage: Stage) -> None:
    here = scene(echo)
    ticket = here.ticket()
    with socket.create_connection(("127.0.0.1", here.front.port)) as raw:
        raw.sendall(
            f"GET {here.path} HTTP/1.1\r\nHost: 127.0.0.1:{stage.web_port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: {here.front.origin}\r\n"
            f"Sec-WebSocket-Protocol: binary, ticket.{ticket}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
        )
        answer = raw.recv(4096).decode("latin-1").lower()
    assert " 101 " in answer
    assert "permessage-deflate" not in answer
