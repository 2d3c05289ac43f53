"""Benchmark (b), on a bad day: 200 browsers come back at once, each takes a snapshot of a list of 10,000 guests, and changes still arrive.

    .venv/bin/python benchmarks/reconnect_storm.py [--sockets 200] [--guests 10000] [--changes 100] [--storms 3]

Ten guests of a private libvirtd are suspended and resumed; one socket times from the call to the message. First alone (the baseline of
the same run), then while the others reconnect and take their snapshots. Also told: the size of one snapshot, how long one takes alone, and
how long until the last of a storm has its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import libvirt
from websockets.asyncio.client import connect

from benchmarks.live_latency import DOMAIN, P50_MS, P95_MS, listen_to_socket
from benchmarks.small_product import SmallProduct, small_product
from benchmarks.web import PROJECT, conclude, percentile
from hypervisor.libvirt import eventloop
from tests.lab.hosts import LabHost

WATCHED, PEOPLE = 10, 20
ROWS = """
from uuid import UUID
from guests.models import Guest; from hosts.models import Host; from tenants.models import Tenant
Host.objects.update(is_enabled=False, state="disabled")
tenant = Tenant.objects.get(name="small")
host = Host.objects.create(name="bench", kind="test", socket_path={socket!r})
Guest.objects.bulk_create([Guest(name=f"bench-{{n:05d}}", domain_name=f"bench-{{n}}", uuid=UUID(f"00000000-0000-4000-8000-{{n:012d}}"),
    tenant=tenant, host=host, vcpus=1, memory_mib=64, state="shutoff") for n in range({size})], batch_size=500)
from tenants.models import ApiToken, User
users = [User.objects.create_user(f"operator-{{n}}", system_role="operator") for n in range({people})]
print(*(ApiToken.objects.create(user=user, name="bench", scope="read")[1] for user in users))
"""
READY = """
from hosts.models import Host; from guests.models import Guest
print(Host.objects.get(name="bench").state, Guest.objects.filter(host__name="bench", definition_digest="").count())
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--guests", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--storms", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as folder, LabHost(Path(folder), name="bench") as lab:
        eventloop.ensure_running()
        virsh = libvirt.open(lab.test_uri)
        for number in range(WATCHED):
            virsh.defineXML(DOMAIN.format(number)).create()
        with small_product() as product:
            tokens = fill(product, chosen.guests, str(lab.socket))
            product.start_watcher()  # type: ignore[attr-defined]
            wait_until_watched(product)
            alone = listen_to_socket(product, tokens[0], virsh, chosen.changes)
            snapshots = [asyncio.run(storm(product, tokens, 1)) for _ in range(5)]
            ends: list[float] = []
            stop = threading.Event()
            thread = threading.Thread(target=lambda: ends.extend(asyncio.run(storms(product, tokens, chosen, stop))))
            thread.start()
            during = listen_to_socket(product, tokens[0], virsh, chosen.changes)
            stop.set()
            thread.join()
        virsh.close()
    took, size = statistics.median(each[0] for each in snapshots), snapshots[0][1]
    print(f"one snapshot of {chosen.guests} guests: {size / 1024:.0f} KiB, {took * 1000:.0f} ms alone")
    print(f"storm of {chosen.sockets}: the last has its snapshot after {statistics.median(ends):.1f} s (n={len(ends)})")
    missed = []
    for name, times in (("alone", alone), ("in the storm", during)):
        p50, p95 = statistics.median(times), percentile(times, 0.95)
        ratio = p50 / statistics.median(alone)
        print(f"{name:13} p50 {p50:6.1f}  p95 {p95:6.1f}  max {max(times):6.1f} ms  {ratio:.1f}x alone, n={len(times)}")
        if p50 > P50_MS or p95 > P95_MS:
            missed.append(f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    measured = f"p50 {statistics.median(during):.1f} ms, p95 {percentile(during, 0.95):.1f} ms"
    return conclude(f"a change arrives within p50 {P50_MS}, p95 {P95_MS} ms in a storm of {chosen.sockets} sockets", measured, missed)


def fill(product: SmallProduct, size: int, socket: str) -> list[str]:
    """Tokens of operators: one person may have a few dozen pages open, not 200."""
    command = [sys.executable, str(PROJECT / "benchmarks/rows.py"), f"guests={size}"]
    done = subprocess.run(command, env=product.environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return product.python(ROWS.format(socket=socket, size=WATCHED, people=PEOPLE)).splitlines()[-1].split()


def wait_until_watched(product: SmallProduct) -> None:
    for _ in range(120):
        if product.python(READY) == "up 0":
            return
        time.sleep(0.5)
    raise SystemExit("The host did not come up.\n" + (product.data_dir / "log").read_text()[-2000:])


async def storms(product: SmallProduct, tokens: list[str], chosen: argparse.Namespace, stop: threading.Event) -> list[float]:
    """One after the other, until the changes are through."""
    ends = []
    while not stop.is_set() and len(ends) < chosen.storms:
        ends.append((await storm(product, tokens, chosen.sockets))[0])
    return ends


async def storm(product: SmallProduct, tokens: list[str], sockets: int) -> tuple[float, int]:
    """Seconds until the last has its snapshot, and its bytes."""
    began = time.perf_counter()
    sizes = await asyncio.gather(*(take_snapshot(product, tokens[number % len(tokens)]) for number in range(sockets)))
    return time.perf_counter() - began, sizes[0]


async def take_snapshot(product: SmallProduct, token: str) -> int:
    url = f"ws://127.0.0.1:{product.port}/ws/live/"
    async with connect(
        url, additional_headers={"Authorization": f"Token {token}"}, max_size=None, open_timeout=60, compression=None
    ) as live:
        await live.send(json.dumps({"subscribe": ["guests", "jobs"]}))
        while True:
            text = await live.recv()
            if '"guests"' in text[:200] and '"snapshot"' in text[:400]:
                return len(text)


if __name__ == "__main__":
    raise SystemExit(main())
