"""Tickets redeemed at once: of several sockets that show the same ticket at the same moment, to both front ends, exactly one is let in.

    python benchmarks/console_tickets.py [--tickets 200] [--sockets 2] [--database-url postgres://...]

Every connection is open before the first request is sent. Prints how many sockets each ticket let in; anything but one each is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.console.blackbox.stage import FrontEnd, Scene, Stage
from tests.console.blackbox.stub_guests import Hangs

BATCH = 50
"""Tickets at a time: a browser's connections would queue in the listener otherwise."""
CLOSE = 0x8


async def redeem(front: FrontEnd, scene: Scene, ticket: str, go: asyncio.Event) -> int:
    """The close code, or 0 when let in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    lines = [f"GET {scene.path} HTTP/1.1", f"Host: 127.0.0.1:{front.port}", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", f"Origin: {front.origin}",
             f"Cookie: {scene.cookie}", f"Sec-WebSocket-Protocol: binary, ticket.{ticket}"]  # fmt: skip
    await go.wait()
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    try:
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head.splitlines()[0]:
                raise RuntimeError(head.decode("latin-1"))
            first, size = await reader.readexactly(2)
            payload = await reader.readexactly(size)
        return int(struct.unpack_from("!H", payload)[0]) if first & 0x0F == CLOSE else 0
    finally:
        writer.close()


async def race(fronts: list[FrontEnd], scene: Scene, *, tickets: int, sockets: int) -> Counter[int]:
    """How many tickets let in so many sockets."""
    let_in: Counter[int] = Counter()
    for start in range(0, tickets, BATCH):
        mine = [scene.ticket() for _ in range(min(BATCH, tickets - start))]
        go = asyncio.Event()
        tries = [redeem(fronts[number % len(fronts)], scene, ticket, go) for ticket in mine for number in range(sockets)]
        running = [asyncio.ensure_future(each) for each in tries]
        await asyncio.sleep(0.5)  # all are connected
        go.set()
        codes = await asyncio.gather(*running)
        for index in range(len(mine)):
            of_ticket = codes[index * sockets : (index + 1) * sockets]
            if set(of_ticket) - {0, 4401}:
                raise RuntimeError(f"Unexpected close codes: {of_ticket}")
            let_in[of_ticket.count(0)] += 1
    return let_in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, default=200)
    parser.add_argument("--sockets", type=int, default=2, help="that show each ticket")
    parser.add_argument("--database-url", default="")
    options = parser.parse_args()
    environment = {"DATABASE_URL": options.database_url} if options.database_url else {}
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), **environment)
        try:
            web, gateway = stage.start_web(), stage.start_gateway()
            guest = Hangs()
            scene = Scene(stage, web, guest)
            is_wrong = False
            for name, fronts in (("product's port", [web]), ("port and gateway", [web, gateway])):
                started = time.monotonic()
                let_in = asyncio.run(race(fronts, scene, tickets=options.tickets, sockets=options.sockets))
                is_wrong |= let_in != {1: options.tickets}
                took = time.monotonic() - started
                asked = f"n = {options.tickets} tickets x {options.sockets} sockets"
                print(f"{name:18} {asked}: tickets by sockets let in {dict(let_in)}, {took:.1f} s")
            guest.released.set()
            time.sleep(2)  # until the records of their ends are written
        finally:
            stage.close()
    sys.exit(is_wrong)


if __name__ == "__main__":
    main()
