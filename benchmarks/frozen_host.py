"""Benchmark (a), on a bad day: the guest list while one of two hosts is frozen and jobs wait for it, against the same list just before.

    .venv/bin/python benchmarks/frozen_host.py [--rounds 100] [--guests 1000]

Two private libvirtds serve test-driver guests; one is stopped with SIGSTOP. redis, web, a worker and the watcher run.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import libvirt

from benchmarks.jobs import worker
from benchmarks.live_latency import DOMAIN
from benchmarks.small_product import SmallProduct, small_product
from benchmarks.web import conclude, percentile
from hypervisor.libvirt import eventloop
from tests.lab.hosts import LabHost

MOST = 1.2
WAITING_JOBS = 20
PATHS = {"REST": "/api/v1/guests/?page_size=50", "page": "/guests/"}
ROWS = """
import sys; sys.path.insert(0, "benchmarks")
from uuid import UUID
from benchmarks.rows import login
from guests.models import Guest; from hosts.models import Host; from tenants.models import Tenant, User
tenant = Tenant.objects.create(name="bench")
hosts = [Host.objects.create(name=f"bench-{{n}}", kind="test", socket_path=path) for n, path in enumerate({sockets!r})]
Guest.objects.bulk_create([Guest(name=f"bench-{{n:05d}}", domain_name=f"bench-{{n}}", uuid=UUID(f"00000000-0000-4000-8000-{{n:012d}}"),
    tenant=tenant, host=hosts[n % 2], vcpus=1, memory_mib=64, state="shutoff") for n in range({size})], batch_size=500)
import json
print(json.dumps(login(User.objects.create_superuser("bench", password="bench bench bench"))))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--guests", type=int, default=1000)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folders = [stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True)) for _ in range(2)]
        labs = [stack.enter_context(LabHost(Path(folder), name=f"bench{n}")) for n, folder in enumerate(folders)]
        # Kept open: the test driver forgets its guests when nobody is connected.
        kept = define(labs, chosen.guests)
        product = stack.enter_context(small_product())
        worker(stack, product)
        login = json.loads(product.python(ROWS.format(sockets=[str(lab.socket) for lab in labs], size=chosen.guests)))
        product.start_watcher()  # type: ignore[attr-defined]
        wait_for_states(product, "up up")
        before = measure(product, login, chosen.rounds)
        labs[1].freeze()
        try:
            start_some(product, login)
            during = measure(product, login, chosen.rounds)
            wait_for_states(product, "up unreachable")
            known = measure(product, login, chosen.rounds)
        finally:
            labs[1].thaw()
            for connection in kept:
                connection.close()
    missed, worst = [], 0.0
    for name in PATHS:
        base = statistics.median(before[name])
        for when, times in (("before", before), ("frozen", during), ("known to be", known)):
            middle = statistics.median(times[name])
            ratio = middle / base
            print(f"{name:5} {when:12} p50 {middle:6.2f}  p95 {percentile(times[name], 0.95):6.2f} ms  {ratio:.2f}x, n={len(times[name])}")
            worst = max(worst, ratio)
            if ratio >= MOST:
                missed.append(f"{name}, {when}: {ratio:.2f}x")
    return conclude(f"p50 of the list under {MOST}x while one host is frozen", f"{worst:.2f}x", missed)


def define(labs: list[LabHost], size: int) -> list[Any]:
    eventloop.ensure_running()
    connections = [libvirt.open(lab.test_uri) for lab in labs]
    for number in range(size):
        connections[number % 2].defineXML(DOMAIN.format(number))
    return connections


def wait_for_states(product: SmallProduct, wanted: str) -> None:
    found = ""
    for _ in range(60):
        found = product.python("from hosts.models import Host; print(*Host.objects.order_by('name').values_list('state', flat=True))")
        if found == wanted:
            return
        time.sleep(0.5)
    raise SystemExit(f"The hosts are {found}, not {wanted}.\n" + (product.data_dir / "log").read_text()[-2000:])


def start_some(product: SmallProduct, login: dict[str, str]) -> None:
    """Jobs that will wait for the frozen host: its guests are the odd ones."""
    ids = product.python(
        f"from guests.models import Guest; print(*Guest.objects.filter(host__name='bench-1').values_list('pk', flat=True)[:{WAITING_JOBS}])"
    ).split()
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
    for pk in map(UUID, ids):
        headers = {"Authorization": login["Authorization"], "Content-Type": "application/json"}
        connection.request("POST", f"/api/v1/guests/{pk}/start/", body="{}", headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            raise SystemExit(f"A start was answered {answer.status}: {text[:300]!r}")


def measure(product: SmallProduct, login: dict[str, str], rounds: int) -> dict[str, list[float]]:
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=60)
    found: dict[str, list[float]] = {name: [] for name in PATHS}
    for number in range(rounds + 10):
        for name, path in PATHS.items():
            headers = {"Authorization": login["Authorization"]} if name == "REST" else {"Cookie": login["Cookie"]}
            began = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            if number >= 10:
                found[name].append((time.perf_counter() - began) * 1000)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
