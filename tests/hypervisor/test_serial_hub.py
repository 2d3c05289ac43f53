"""One serial line, many viewers: scrollback, slow viewers, typing, the end."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from hypervisor.serial_hub import BACKLOG_BYTES, SCROLLBACK_BYTES, SKIPPED, SerialHub


class Line:
    """A line whose other end the test holds."""

    def __init__(self) -> None:
        self._ours, self.guest = socket.socketpair()
        self.guest.setblocking(False)
        self.is_closed = False

    def fileno(self) -> int:
        return self._ours.fileno()

    def close(self) -> None:
        self.is_closed = True
        self._ours.close()


async def read(viewer: socket.socket, size: int, *, limit_s: float = 5.0) -> bytes:
    viewer.setblocking(False)
    seen = b""
    async with asyncio.timeout(limit_s):
        while len(seen) < size:
            data = await asyncio.get_running_loop().sock_recv(viewer, size - len(seen))
            if not data:
                break
            seen += data
    return seen


async def write(sender: socket.socket, data: bytes) -> None:
    async with asyncio.timeout(5):
        await asyncio.get_running_loop().sock_sendall(sender, data)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0.005)


def try_send(viewer: socket.socket) -> int:
    try:
        return viewer.send(b"y" * 65536)
    except BlockingIOError:
        return 0


def hub_on(line: Line, *, linger_s: float = 60) -> tuple[SerialHub, list[bool]]:
    ended: list[bool] = []
    return SerialHub(line, linger_s=linger_s, on_end=lambda: ended.append(True)), ended


async def test_a_new_viewer_gets_the_scrollback_first() -> None:
    line = Line()
    hub, _ended = hub_on(line)
    await write(line.guest, b"booting...")
    await settle()
    viewer = hub.add_viewer()
    await write(line.guest, b"login:")
    assert await read(viewer, 16) == b"booting...login:"
    hub.close()


async def test_the_scrollback_is_bounded_and_keeps_the_newest() -> None:
    line = Line()
    hub, _ended = hub_on(line)
    for part in range(10):
        await write(line.guest, bytes([65 + part]) * (SCROLLBACK_BYTES // 4))
        await settle()
    assert len(hub.scrollback()) == SCROLLBACK_BYTES
    assert hub.scrollback()[-1:] == b"J"
    hub.close()


async def test_every_viewer_sees_the_guest_and_any_may_type() -> None:
    line = Line()
    hub, _ended = hub_on(line)
    first, second = hub.add_viewer(), hub.add_viewer()
    await write(line.guest, b"hello")
    assert await read(first, 5) == b"hello"
    assert await read(second, 5) == b"hello"
    await write(first, b"one")
    await write(second, b"two")
    assert sorted([await read(line.guest, 3), await read(line.guest, 3)]) == [b"one", b"two"]
    hub.close()


async def test_a_stalled_viewer_is_bounded_and_holds_up_nobody() -> None:
    line = Line()
    hub, _ended = hub_on(line)
    stalled, reader = hub.add_viewer(), hub.add_viewer()
    stalled.setblocking(False)
    total = 8 * BACKLOG_BYTES
    reading = asyncio.create_task(read(reader, total, limit_s=20))
    for _ in range(total // 65536):
        await write(line.guest, b"x" * 65536)
    assert len(await reading) == total
    assert max(viewer.backlog_bytes for viewer in hub._viewers) <= BACKLOG_BYTES
    await write(line.guest, b"the end")
    await settle()
    seen = b""
    while not seen.endswith(b"the end"):
        seen += await read(stalled, 1)  # it can still catch up, from the scrollback
        try:
            seen += stalled.recv(1 << 20)
        except BlockingIOError:
            await asyncio.sleep(0)
    assert SKIPPED in seen
    assert len(seen) < 3 * BACKLOG_BYTES
    hub.close()


async def test_a_guest_that_does_not_read_pauses_typing() -> None:
    line = Line()
    hub, _ended = hub_on(line)
    viewer = hub.add_viewer()
    viewer.setblocking(False)
    sent = 0
    for _ in range(200):
        sent += try_send(viewer)
        await asyncio.sleep(0.002)
    await settle()
    while sent < 4 * BACKLOG_BYTES and (more := try_send(viewer)) > 0:
        sent += more
        await settle()
    assert sent < 2 * BACKLOG_BYTES
    assert len(await read(line.guest, sent)) == sent
    hub.close()


async def test_viewers_who_come_type_and_leave_pile_up_nowhere_while_the_guest_does_not_read() -> None:
    line = Line()
    hub, _ended = hub_on(line)
    sent = 0
    for _ in range(40):
        viewer = hub.add_viewer()
        viewer.setblocking(False)
        while (more := try_send(viewer)) > 0:
            sent += more
        await settle()
        viewer.close()
    assert hub.viewers <= 1
    held = 0
    with contextlib.suppress(TimeoutError):
        while data := await read(line.guest, 65536, limit_s=0.3):
            held += len(data)
    assert held < sent / 4
    hub.close()


async def test_the_end_of_the_line_reaches_every_viewer_after_its_last_bytes() -> None:
    line = Line()
    hub, ended = hub_on(line)
    viewers = [hub.add_viewer() for _ in range(3)]
    await write(line.guest, b"panic!")
    line.guest.close()
    for viewer in viewers:
        assert await read(viewer, 100) == b"panic!"
    assert ended == [True]
    assert line.is_closed


async def test_the_line_is_kept_a_while_after_the_last_viewer() -> None:
    line = Line()
    hub, ended = hub_on(line, linger_s=0.2)
    viewer = hub.add_viewer()
    await asyncio.sleep(0.4)
    assert ended == []
    viewer.close()
    await write(line.guest, b"unseen")
    await asyncio.sleep(0.05)
    again = hub.add_viewer()
    assert await read(again, 6) == b"unseen"
    again.close()
    await asyncio.sleep(0.5)
    assert ended == [True]


async def test_a_line_that_is_asked_for_again_is_kept_longer() -> None:
    hub, ended = hub_on(Line(), linger_s=0.3)
    for _ in range(4):
        await asyncio.sleep(0.15)
        hub.keep()
    assert ended == []
    await asyncio.sleep(0.6)
    assert ended == [True]
