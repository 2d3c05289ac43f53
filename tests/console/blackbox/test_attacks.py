"""A viewer who may only watch tries to type, on both front ends: cut up, piled up, in fragments, and with everything but the right."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.console.blackbox.stage import FrontEnd, Scene, Stage, close_of
from tests.console.blackbox.stub_guests import VncServer, echo

MakeScene = Callable[..., Scene]
KEY = struct.pack("!BBxxI", 4, 1, ord("a"))
POINTER = struct.pack("!BBHH", 5, 1, 10, 10)
MORE_BUTTONS = struct.pack("!BBHHB", 5, 0x81, 10, 10, 0)
QEMU_KEY = struct.pack("!BBHII", 255, 0, 1, 0x61, 30)
POWER_OFF = struct.pack("!BBBB", 250, 0, 1, 2)
RESIZE = struct.pack("!BxHHBx", 251, 800, 600, 1) + bytes(16)
ENCODINGS = struct.pack("!BxHii", 2, 2, 0, -223)
REFRESH = struct.pack("!BBHHHH", 3, 0, 0, 0, 64, 48)
HANDSHAKE = b"RFB 003.008\n\x01\x00"
HARMLESS = {2, 3}


def paste(size: int) -> bytes:
    return struct.pack("!BxxxI", 6, size) + KEY * (size // len(KEY)) + bytes(size % len(KEY))


INPUTS = [KEY, POINTER, MORE_BUTTONS, QEMU_KEY, POWER_OFF, RESIZE, paste(5), paste(100_000)]


def pieces(data: bytes, seed: int) -> Iterator[bytes]:
    """Cut at random places, mostly small."""
    random_ = random.Random(seed)
    while data:
        cut = random_.choice((1, 1, 2, 3, 7, 20, 4096))
        yield data[:cut]
        data = data[cut:]


async def settle(server: VncServer, refreshes: int) -> list[int]:
    """What the server was sent, once it has been asked for so many pictures: whatever came before arrived too."""
    async with asyncio.timeout(10):
        while sum(kind == 3 for kind, _ in server.seen) < refreshes:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    return [kind for kind, _ in server.seen]


@pytest.mark.parametrize("seed", range(5))
async def test_input_cut_into_pieces_never_arrives(scene: MakeScene, seed: int) -> None:
    server = VncServer()
    inputs = random.Random(seed).sample(INPUTS, len(INPUTS))
    async with scene(server).open(mode="view", max_queue=None) as connection:
        for piece in pieces(HANDSHAKE + b"".join(ENCODINGS + each for each in inputs) + REFRESH, seed):
            await connection.send(piece)
        assert set(await settle(server, 1)) <= HARMLESS


async def test_input_piled_up_behind_the_handshake_in_one_message_never_arrives(scene: MakeScene) -> None:
    server = VncServer()
    async with scene(server).open(mode="view", max_queue=None) as connection:
        await connection.send(HANDSHAKE + b"".join(INPUTS[:6]) * 500 + REFRESH)
        assert await settle(server, 1) == [3]


async def test_input_in_fragments_of_a_websocket_message_never_arrives(scene: MakeScene) -> None:
    server = VncServer()
    everything = HANDSHAKE + b"".join(INPUTS) + REFRESH
    async with scene(server).open(mode="view", max_queue=None) as connection:
        await connection.send(list(pieces(everything, 7)))  # an iterable is sent as one fragmented message
        assert await settle(server, 1) == [3]


async def test_a_clipboard_that_says_it_is_longer_than_it_is_swallows_what_follows(scene: MakeScene) -> None:
    server = VncServer()
    async with scene(server).open(mode="view", max_queue=None) as connection:
        await connection.send(HANDSHAKE + REFRESH)
        await settle(server, 1)
        await connection.send(struct.pack("!BxxxI", 6, 0x7FFFFFFF))
        for _ in range(50):
            await connection.send(KEY * 8000)
        await asyncio.sleep(0.3)
        assert [kind for kind, _ in server.seen] == [3]


@pytest.mark.parametrize("kind", [1, 7, 99, 151, 249, 252, 254])
async def test_a_message_of_an_unknown_kind_closes_the_console(scene: MakeScene, kind: int) -> None:
    server = VncServer()
    async with scene(server).open(mode="view") as connection:
        await connection.send(HANDSHAKE + bytes([kind]) + KEY * 10)
        assert (await close_of(connection))[0] == 4503
    assert server.seen == []


@pytest.mark.parametrize("seed", range(3))
async def test_random_bytes_behind_the_handshake_press_no_key(scene: MakeScene, seed: int) -> None:
    server = VncServer()
    async with scene(server).open(mode="view", max_queue=None) as connection:
        await connection.send(HANDSHAKE)
        await connection.send(random.Random(seed).randbytes(100_000))
        await close_of(connection, 1.0)
    assert not {kind for kind, _ in server.seen} & {4, 5, 6}


@pytest.mark.parametrize(
    ("query", "protocols"),
    [
        ("?mode=control", ()),
        ("?mode=control&kind=vnc&view_only=false&shared=0", ()),
        ("", ("control",)),
        ("", ("mode.control", "binary.control")),
        ("", ("ticket.control",)),
    ],
)
async def test_watching_cannot_be_turned_into_control(scene: MakeScene, query: str, protocols: tuple[str, ...]) -> None:
    here = scene(echo, kind="serial")
    connecting = here.front.connect(here.path + query, here.ticket(mode="view"), cookie=here.cookie, more_protocols=protocols)
    async with connecting as connection:
        await connection.send(b"reboot\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await connection.recv()


async def test_a_ticket_in_parts_or_twice_is_no_ticket(scene: MakeScene) -> None:
    here = scene(echo)
    ticket = here.ticket(mode="view")
    async with here.front.connect(here.path, ticket[:-1], cookie=here.cookie, more_protocols=(f"ticket.{ticket}",)) as connection:
        assert (await close_of(connection))[0] == 4401


async def test_input_sent_before_the_answer_to_the_upgrade_never_arrives(scene: MakeScene, front: FrontEnd, stage: Stage) -> None:
    """Behind the request in the same packet, as no browser does: both front ends throw it away, and neither hands it on unread."""
    server = VncServer()
    here = scene(server)
    request = (
        f"GET {here.path} HTTP/1.1\r\nHost: 127.0.0.1:{stage.web_port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: {front.origin}\r\n"
        f"Sec-WebSocket-Protocol: binary, ticket.{here.ticket(mode='view')}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", front.port)) as raw:
        raw.sendall(request + _frame(HANDSHAKE + KEY))
        answer = await asyncio.to_thread(raw.recv, 4096)
        assert b" 101 " in answer
        raw.sendall(_frame(HANDSHAKE + KEY) + _frame(POINTER + REFRESH))
        await asyncio.sleep(0.5)
    assert {kind for kind, _ in server.seen} <= HARMLESS


def _frame(payload: bytes) -> bytes:
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return struct.pack("!BB", 0x82, 0x80 | len(payload)) + mask + masked
