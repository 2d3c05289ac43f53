"""The same relay in front of QEMU's own VNC server: a bare emulator without a disk, showing its firmware."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.console.blackbox.stage import Scene

QEMU = shutil.which("qemu-system-x86_64")
pytestmark = pytest.mark.skipif(QEMU is None, reason="QEMU is not installed")


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("qemu") / "vnc.sock"
    command = [str(QEMU), "-machine", "pc,accel=tcg", "-m", "16", "-nodefaults", "-vga", "std", "-vnc", f"unix:{path}"]
    emulator = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    yield path
    emulator.kill()
    emulator.wait()


class Client:
    """Just enough RFB 3.8 to fetch one picture."""

    def __init__(self, connection) -> None:
        self._connection = connection
        self._buffer = b""

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(10):
            while len(self._buffer) < count:
                self._buffer += await self._connection.recv()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    async def picture(self, *, shared: bytes = b"\x01") -> bytes:
        assert await self.read(12) == b"RFB 003.008\n"
        await self._connection.send(b"RFB 003.008\n")
        (count,) = await self.read(1)
        assert 1 in await self.read(count)
        await self._connection.send(b"\x01")
        assert await self.read(4) == bytes(4)
        await self._connection.send(shared)
        width, height = struct.unpack("!HH", await self.read(4))
        await self.read(16)
        (length,) = struct.unpack("!I", await self.read(4))
        await self.read(length)
        await self._connection.send(struct.pack("!BxHi", 2, 1, 0) + struct.pack("!BBHHHH", 3, 0, 0, 0, width, height))
        (rectangles,) = struct.unpack("!xxH", await self.read(4))
        pixels = b""
        for _ in range(rectangles):
            _x, _y, wide, high, encoding = struct.unpack("!HHHHi", await self.read(12))
            assert encoding == 0
            pixels += await self.read(wide * high * 4)
        return pixels


@pytest.mark.parametrize("mode", ["control", "view"])
async def test_the_emulators_screen_arrives(scene: Callable[..., Scene], display: Path, mode: str) -> None:
    here = scene()
    here.stage.broker.plug_socket(here.uuid, display)
    async with here.open(mode=mode) as connection:
        assert len(await Client(connection).picture()) >= 640 * 400 * 4


async def test_a_watcher_does_not_throw_out_who_works_there(scene: Callable[..., Scene], display: Path) -> None:
    """QEMU closes every other connection when somebody asks for the display alone; a watcher's wish is not passed on."""
    here = scene()
    here.stage.broker.plug_socket(here.uuid, display)
    async with here.open() as working:
        await Client(working).picture()
        async with here.open(mode="view") as watching:
            await Client(watching).picture(shared=b"\x00")
            await asyncio.sleep(0.3)
            await asyncio.wait_for(await working.ping(), 2)
            assert working.close_code is None
