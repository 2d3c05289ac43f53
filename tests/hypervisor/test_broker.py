"""The console broker and its client, on the fake host: what is handed out, what is refused, and who waits for whom."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hypervisor import broker_client, fake
from hypervisor.broker_client import BrokerError, open_display_async, open_serial_async
from hypervisor.errors import Refused
from hypervisor.libvirt import broker
from hypervisor.specs import HostAddress
from tests.hypervisor.specs_for_tests import ECHO_GREETING, PLAIN_GUEST

HERE, THERE = HostAddress("unix", "/fake/here"), HostAddress("unix", "/fake/there")
GUEST = PLAIN_GUEST.uuid


@pytest.fixture
async def path() -> AsyncIterator[str]:
    """A running broker's socket, with PLAIN_GUEST running on both fake hosts."""
    fake.reset()
    for address in (HERE, THERE):
        host = fake.connect(address)
        host.define_guest(PLAIN_GUEST)
        host.start_guest(GUEST)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "console.sock"
        serving = asyncio.create_task(broker.Broker(fake.connect, linger_s=60).serve(broker.listen(file)))
        yield str(file)
        serving.cancel()
    fake.reset()


async def read(viewer: socket.socket, until: bytes) -> bytes:
    viewer.setblocking(False)
    seen = b""
    async with asyncio.timeout(5):
        while until not in seen:
            data = await asyncio.get_running_loop().sock_recv(viewer, 65536)
            if not data:
                break
            seen += data
    return seen


async def test_a_display_is_a_socket_to_the_vnc_server(path: str) -> None:
    with await open_display_async(path, HERE, GUEST) as display:
        assert await read(display, b"\n") == b"RFB 003.008\n"


async def test_the_blocking_client_gets_the_same(path: str) -> None:
    with await asyncio.to_thread(broker_client.open_display, path, HERE, GUEST) as display:
        assert await read(display, b"\n") == b"RFB 003.008\n"
    with await asyncio.to_thread(broker_client.open_serial, path, HERE, GUEST) as line:
        assert ECHO_GREETING in await read(line, ECHO_GREETING)


async def test_two_viewers_share_one_line_and_its_scrollback(path: str) -> None:
    first = await open_serial_async(path, HERE, GUEST)
    await read(first, ECHO_GREETING)
    await asyncio.get_running_loop().sock_sendall(first, b"typed by the first")
    await read(first, b"typed by the first")
    second = await open_serial_async(path, HERE, GUEST)
    seen = await read(second, b"typed by the first")
    assert seen.startswith(ECHO_GREETING)
    assert fake.machine(HERE).faults.calls["open_serial"] == 1
    first.close()
    second.close()


async def test_two_first_viewers_at_once_open_one_line(path: str) -> None:
    viewers = await asyncio.gather(*(open_serial_async(path, HERE, GUEST) for _ in range(5)))
    assert fake.machine(HERE).faults.calls["open_serial"] == 1
    for viewer in viewers:
        viewer.close()


async def test_viewers_see_the_end_when_the_guest_stops_and_may_come_back(path: str) -> None:
    viewer = await open_serial_async(path, HERE, GUEST)
    host = fake.connect(HERE)
    host.force_off_guest(GUEST)
    assert ECHO_GREETING in await read(viewer, b"never")
    with pytest.raises(BrokerError) as caught:
        await open_serial_async(path, HERE, GUEST)
    assert caught.value.code == "not_running"
    host.start_guest(GUEST)
    again = await open_serial_async(path, HERE, GUEST)
    assert ECHO_GREETING in await read(again, ECHO_GREETING)
    again.close()


async def test_what_was_written_while_listening_is_shown_to_who_comes_later(path: str) -> None:
    await listen(path, HERE, GUEST)
    fake.machine(HERE).faults.fail("open_serial", Refused("the line is open already"))
    with await open_serial_async(path, HERE, GUEST) as viewer:
        assert (await read(viewer, ECHO_GREETING)).startswith(ECHO_GREETING)


async def test_listening_holds_a_bounded_number_of_lines_and_never_a_watched_one(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "MAX_UNWATCHED", 2)
    guests = [replace(PLAIN_GUEST, uuid=uuid4(), name=f"g{number}") for number in range(5)]
    for guest in guests:
        fake.connect(HERE).define_guest(guest)
        fake.connect(HERE).start_guest(guest.uuid)
    with await open_serial_async(path, HERE, guests[0].uuid) as watched:
        await read(watched, ECHO_GREETING)
        for guest in (*guests[1:], guests[3]):
            await listen(path, HERE, guest.uuid)
        opened = fake.machine(HERE).faults.calls["open_serial"]
        assert opened == 5
        for held in (guests[0], guests[3], guests[4]):
            (await open_serial_async(path, HERE, held.uuid)).close()
        assert fake.machine(HERE).faults.calls["open_serial"] == opened
        (await open_serial_async(path, HERE, guests[1].uuid)).close()
        assert fake.machine(HERE).faults.calls["open_serial"] == opened + 1


async def test_a_line_that_cannot_be_listened_to_disturbs_nobody(path: str) -> None:
    fake.machine(HERE).faults.fail("open_serial", Refused("Active console session exists for this domain"))
    await listen(path, HERE, GUEST)
    await listen(path, HERE, uuid4())
    fake.machine(THERE).faults.is_unreachable = True
    await listen(path, THERE, GUEST)
    with await open_serial_async(path, HERE, GUEST) as viewer:
        assert ECHO_GREETING in await read(viewer, ECHO_GREETING)


async def listen(path: str, address: HostAddress, guest: UUID) -> None:
    tries = fake.machine(address).faults.calls["open_serial"]
    await asyncio.to_thread(broker_client.listen, path, address, guest)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            while fake.machine(address).faults.calls["open_serial"] == tries:
                await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)


def test_listening_neither_fails_nor_waits_when_the_broker_does_not_answer(tmp_path: Path) -> None:
    broker_client.listen(str(tmp_path / "none"), HERE, GUEST)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        deaf.listen(1)
        started = time.monotonic()
        for _ in range(5):  # the last of them finds the queue full
            broker_client.listen(str(tmp_path / "deaf"), HERE, GUEST)
        assert time.monotonic() - started < 1.5


async def test_refusals_say_why(path: str) -> None:
    with pytest.raises(BrokerError) as unknown:
        await open_display_async(path, HERE, uuid4())
    assert unknown.value.code == "not_found"
    fake.connect(HERE).force_off_guest(GUEST)
    with pytest.raises(BrokerError) as stopped:
        await open_display_async(path, HERE, GUEST)
    assert stopped.value.code == "not_running"
    fake.machine(HERE).faults.is_unreachable = True
    with pytest.raises(BrokerError) as unreachable:
        await open_display_async(path, HERE, GUEST)
    assert unreachable.value.code == "unreachable"


async def test_a_frozen_host_does_not_hold_up_another(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "HOST_LIMIT_S", 0.5)
    await open_display_async(path, HERE, GUEST)
    fake.machine(HERE).faults.freeze()
    stuck = [asyncio.create_task(open_display_async(path, HERE, GUEST)) for _ in range(20)]
    await asyncio.sleep(0.05)
    started = time.monotonic()
    with await open_display_async(path, THERE, GUEST) as display:
        assert await read(display, b"\n")
    assert time.monotonic() - started < 0.3
    answers = await asyncio.gather(*stuck, return_exceptions=True)
    assert {answer.code for answer in answers if isinstance(answer, BrokerError)} == {"unreachable"}
    assert len(answers) == 20
    fake.machine(HERE).faults.thaw()
    await asyncio.sleep(0.1)
    with await open_display_async(path, HERE, GUEST) as display:
        assert await read(display, b"\n")


async def test_many_at_once_on_a_slow_host_are_all_served(path: str) -> None:
    fake.machine(HERE).faults.delay_s = 0.02
    displays = await asyncio.gather(*(open_display_async(path, HERE, GUEST) for _ in range(30)))
    for display in displays:
        assert await read(display, b"\n") == b"RFB 003.008\n"
        display.close()


@pytest.mark.parametrize(
    "request_line",
    [
        b"not json\n",
        b"[]\n",
        b"{}\n",
        b"x" * 5000 + b"\n",
        json.dumps({"v": 2, "kind": "display", "address": {"kind": "local"}, "uuid": str(GUEST)}).encode() + b"\n",
        json.dumps({"v": 1, "kind": "shell", "address": {"kind": "local"}, "uuid": str(GUEST)}).encode() + b"\n",
        json.dumps({"v": 1, "kind": "display", "address": {"kind": "ssh"}, "uuid": str(GUEST)}).encode() + b"\n",
        json.dumps({"v": 1, "kind": "display", "address": {"kind": "local"}, "uuid": "-rf"}).encode() + b"\n",
    ],
)
async def test_nonsense_is_refused(path: str, request_line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request_line)
    answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
    assert answer["ok"] is False
    assert answer["error"] == "refused"
    writer.close()


async def test_a_silent_client_is_hung_up_on(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "REQUEST_LIMIT_S", 0.1)
    reader, writer = await asyncio.open_unix_connection(path)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_only_its_user_may_connect(path: str) -> None:
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


async def test_a_second_broker_does_not_take_the_socket(path: str) -> None:
    with pytest.raises(SystemExit, match="already"):
        broker.listen(Path(path))


async def test_a_dead_brokers_socket_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "s"
    broker.listen(file).close()
    broker.listen(file).close()


async def test_without_a_broker_the_client_says_so(tmp_path: Path) -> None:
    with pytest.raises(BrokerError) as caught:
        await open_display_async(str(tmp_path / "none"), HERE, GUEST)
    assert caught.value.code == "broker_down"
