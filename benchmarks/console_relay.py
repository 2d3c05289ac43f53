"""Console relay: the product's own port against a plain TCP forwarder and stock websockify, all measured in this run.

    python benchmarks/console_relay.py [--mib 512] [--rounds 5] [--idle 200] [--opens 200]

Prints for each: bytes relayed per CPU-second of the relaying process, resident memory per idle session, time to open, growth with a
stalled viewer. The targets are in issue 2: at least 0.95x websockify, 64 KiB, 2 ms (the relay's part), 1 MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.web import conclude
from tests.console.blackbox.stage import Scene, Stage, free_port

MIB = 1024 * 1024
KIB = 1024
BLOCK = os.urandom(256 * KIB)


@dataclass
class Relay:
    name: str
    pid: int
    connect: Callable[[], AbstractAsyncContextManager[RawClient]]
    has_children: bool = False
    """websockify forks for every connection."""
    numbers: dict[str, float] = field(default_factory=dict)

    def processes(self) -> list[int]:
        if not self.has_children:
            return [self.pid]
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def cpu_s(self) -> float:
        """Of all threads, in nanoseconds' precision: the usual 10 ms ticks are a twentieth of one round."""
        threads = [thread for pid in self.processes() for thread in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def resident_bytes(self) -> int:
        """Private and shared in proportion, so that forked children are not charged for their parent's pages."""
        total = 0
        for pid in self.processes():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * KIB
        return total


class RawClient:
    """A socket past its handshake. Frames are not taken apart: the client must not be what is measured."""

    def __init__(self, sock: socket.socket, early: int = 0) -> None:
        self.sock = sock
        self.early = early
        """Bytes that came together with the handshake's answer."""

    async def read(self, missing: int) -> None:
        loop = asyncio.get_running_loop()
        missing -= self.early
        self.early = 0
        buffer = bytearray(1024 * KIB)
        while missing > 0:
            got = await loop.sock_recv_into(self.sock, buffer)
            if not got:
                raise ConnectionError("closed early")
            missing -= got


async def _connected(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


@asynccontextmanager
async def _upgraded(port: int, path: str, *headers: str) -> AsyncIterator[RawClient]:
    sock = await _connected(port)
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", *headers]  # fmt: skip
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, ("\r\n".join(lines) + "\r\n\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += await loop.sock_recv(sock, 4096)
    if b" 101 " not in head.splitlines()[0]:
        raise RuntimeError(head.decode("latin-1"))
    with sock:
        yield RawClient(sock, len(head.partition(b"\r\n\r\n")[2]))


class Source:
    """The guest's display: idle, or `flood_bytes` as fast as they are taken. A unix socket; ours comes from the stub broker."""

    def __init__(self, path: Path) -> None:
        self.flood_bytes = 0
        self.path = path
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(512)
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            line, _ = listener.accept()
            threading.Thread(target=self, args=(line,), daemon=True).start()

    def __call__(self, line: socket.socket) -> None:
        left = self.flood_bytes
        try:
            line.sendall(b"!")
            while left > 0:
                line.sendall(BLOCK)
                left -= len(BLOCK)
            line.recv(1)
        except OSError:
            pass
        finally:
            line.close()


FORWARDER = """
import asyncio, sys
async def pump(reader, writer):
    while data := await reader.read(262144):
        writer.write(data); await writer.drain()
    writer.close()
async def serve(reader, writer):
    there = await asyncio.open_unix_connection(sys.argv[2])
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()
try:
    import uvloop; uvloop.run(main())
except KeyboardInterrupt: pass
"""


def start_forwarder(source: Source, running: list[subprocess.Popen[bytes]]) -> Relay:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", FORWARDER, str(port), str(source.path)])
    running.append(process)

    @asynccontextmanager
    async def connect() -> AsyncIterator[RawClient]:
        with await _connected(port) as sock:
            yield RawClient(sock)

    return Relay("plain TCP forwarder", process.pid, connect)


def start_websockify(source: Source, running: list[subprocess.Popen[bytes]]) -> Relay:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "websockify", f"127.0.0.1:{port}", f"--unix-target={source.path}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    running.append(process)

    def connect() -> AbstractAsyncContextManager[RawClient]:
        return _upgraded(port, "/websockify", "Sec-WebSocket-Protocol: binary")

    return Relay("stock websockify", process.pid, connect, has_children=True)


def ours(stage: Stage, scene: Scene, name: str) -> Relay:
    tickets: list[str] = []

    def connect() -> AbstractAsyncContextManager[RawClient]:
        # Asking for a ticket is a REST call of its own and not the relay's part.
        ticket = tickets.pop() if tickets else scene.ticket()
        headers = (f"Origin: {scene.front.origin}", f"Cookie: {scene.cookie}", f"Sec-WebSocket-Protocol: binary, ticket.{ticket}")
        return _upgraded(scene.front.port, scene.path, *headers)

    relay = Relay(name, scene.front.pid, connect)
    relay.prepare = lambda count: tickets.extend(scene.ticket() for _ in range(count))  # type: ignore[attr-defined]
    return relay


async def throughput(relay: Relay, source: Source, mib: int) -> float:
    """MiB per CPU-second of the relay."""
    source.flood_bytes = mib * MIB
    try:
        async with relay.connect() as client:
            before = relay.cpu_s()
            await client.read(mib * MIB)
            return mib / (relay.cpu_s() - before)
    finally:
        source.flood_bytes = 0


async def idle_kib(relay: Relay, count: int) -> float:
    """Growth per session from the 20th on, so that what the first ones load is not charged to each."""
    opened: list[AbstractAsyncContextManager[RawClient]] = []

    async def open_more(more: int) -> None:
        _prepare(relay, more)
        for _ in range(more):
            opened.append(relay.connect())
            client = await opened[-1].__aenter__()
            await client.read(1)

    await open_more(20)
    await asyncio.sleep(1)
    before = relay.resident_bytes()
    await open_more(count)
    await asyncio.sleep(1)
    per_session = (relay.resident_bytes() - before) / count / KIB
    for each in opened:
        await each.__aexit__(None, None, None)
    await asyncio.sleep(1)
    return per_session


async def open_ms(relay: Relay, count: int) -> list[float]:
    """From the first packet to the display's first byte."""
    _prepare(relay, count)
    times = []
    for _ in range(count):
        started = time.perf_counter()
        async with relay.connect() as client:
            await client.read(1)
            times.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.15)  # until the records of this one are written, which begins 50 ms after the first picture
    return times


async def stalled_mib(relay: Relay, source: Source) -> float:
    source.flood_bytes = 4096 * MIB
    before = relay.resident_bytes()
    peak = before
    async with relay.connect():
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            peak = max(peak, relay.resident_bytes())
    source.flood_bytes = 0
    return (peak - before) / MIB


def _prepare(relay: Relay, count: int) -> None:
    prepare = getattr(relay, "prepare", None)
    if prepare:
        prepare(count)


async def measure(relays: list[Relay], source: Source, options: argparse.Namespace) -> None:
    for relay in relays:
        relay.numbers["idle"] = await idle_kib(relay, options.idle)
        times = sorted(await open_ms(relay, options.opens))
        relay.numbers["open_p50"], relay.numbers["open_p95"] = statistics.median(times), times[int(len(times) * 0.95)]
    rounds: dict[str, list[float]] = {relay.name: [] for relay in relays}
    for _ in range(options.rounds):
        for relay in relays:  # in turns, so that a slow minute of the machine meets all of them
            rounds[relay.name].append(await throughput(relay, source, options.mib))
    baseline = rounds[next(relay.name for relay in relays if "websockify" in relay.name)]
    for relay in relays:
        relay.numbers["throughput"] = statistics.median(rounds[relay.name])
        pairs = zip(rounds[relay.name], baseline, strict=True)
        relay.numbers["ratio"] = statistics.median(mine / theirs for mine, theirs in pairs)
        relay.numbers["stalled"] = await stalled_mib(relay, source)


def report(relays: list[Relay], options: argparse.Namespace) -> None:
    print(f"n: {options.rounds} x {options.mib} MiB, {options.idle} idle sessions, {options.opens} opens")
    print(f"{'':24}{'MiB/CPU-s':>10}{'x websockify':>14}{'idle KiB':>10}{'open p50':>10}{'p95 ms':>8}{'stalled MiB':>13}")
    for relay in relays:
        n = relay.numbers
        print(
            f"{relay.name:24}{n['throughput']:10.0f}{n['ratio']:14.2f}{n['idle']:10.1f}"
            f"{n['open_p50']:10.2f}{n['open_p95']:8.2f}{n['stalled']:13.2f}"
        )


def verdict(relays: list[Relay]) -> int:
    """Of our two: each number of the issue, the time to open as it is, with what the client and the harness take of it."""
    measured, missed = [], []
    for relay in relays[2:]:
        n = relay.numbers
        measured.append(
            f"{relay.name.removeprefix('kvmweb, ')} {n['ratio']:.2f}x, {n['idle']:.0f} KiB, {n['open_p50']:.1f} ms, {n['stalled']:.2f} MiB"
        )
        if n["ratio"] < 0.95 or n["idle"] > 64 or n["open_p50"] > 2 or n["stalled"] > 1:
            missed.append(measured[-1])
    measured.append(f"a plain forwarder opens in {relays[0].numbers['open_p50']:.1f} ms")
    return conclude("at least 0.95x websockify, at most 64 KiB idle, 2 ms to open, 1 MiB stalled", "; ".join(measured), missed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--opens", type=int, default=200)
    options = parser.parse_args()
    sys.setswitchinterval(0.0002)  # the display and the stub broker are threads of this process and answer while it measures
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Source(Path(folder) / "display.sock")
        stage = Stage(Path(folder))
        try:
            relays = [start_forwarder(source, running), start_websockify(source, running)]
            relays.append(ours(stage, Scene(stage, stage.start_web(), source), "kvmweb, its own port"))
            relays.append(ours(stage, Scene(stage, stage.start_gateway(), source), "kvmweb, gateway"))
            asyncio.run(measure(relays, source, options))
            report(relays, options)
        finally:
            stage.close()
            for process in running:
                process.terminate()
    return verdict(relays)


if __name__ == "__main__":
    raise SystemExit(main())
