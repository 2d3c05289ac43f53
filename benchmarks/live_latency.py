"""From a change made behind our back (virDomainSuspend and virDomainResume, as virsh does) to the message on a live socket, and to changed
text in an open browser page.

    python benchmarks/live_latency.py [--guests 100,1000] [--changes 200] [--no-browser]

A private libvirtd serves test-driver guests; the product runs with its own database and redis. The baseline of the same run is a bare
libvirt event listener: what nobody can beat. Budget to the page: p50 below 30 ms, p95 below 100 ms, the same at 100 and 1,000 guests.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import libvirt
from websockets.sync.client import connect as connect_socket

from benchmarks.small_product import SmallProduct, small_product
from benchmarks.web import conclude
from hypervisor.libvirt import eventloop
from tests.lab.hosts import LabHost

P50_MS, P95_MS = 30, 100
UUID_TEXT = "00000000-0000-4000-8000-{0:012d}"
DOMAIN = f"<domain type='test'><name>bench-{{0}}</name><uuid>{UUID_TEXT}</uuid><memory>65536</memory><os><type>hvm</type></os></domain>"
ROWS = """
from uuid import UUID
from guests.models import Guest; from hosts.models import Host; from tenants.models import ApiToken, Tenant, User
tenant = Tenant.objects.create(name="bench")
host = Host.objects.create(name="bench", kind="test", socket_path={socket!r})
Guest.objects.bulk_create([Guest(name=f"bench-{{n:05d}}", domain_name=f"bench-{{n}}", uuid=UUID(f"00000000-0000-4000-8000-{{n:012d}}"),
    tenant=tenant, host=host, vcpus=1, memory_mib=64, state="shutoff") for n in range({size})], batch_size=500)
user = User.objects.create_superuser("bench", password="bench bench bench")
print(ApiToken.objects.create(user=user, name="bench")[1])
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guests", default="100,1000")
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    worst = (0.0, 0.0)
    for size in map(int, options.guests.split(",")):
        with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as folder, LabHost(Path(folder), name="bench") as lab:
            worst = max(worst, measure(lab, size, options))
    missed = [] if worst[0] < P50_MS and worst[1] < P95_MS else ["the last line of one of the sizes above"]
    return conclude(f"to the page p50 < {P50_MS} ms, p95 < {P95_MS} ms", f"worst p50 {worst[0]:.1f} ms, p95 {worst[1]:.1f} ms", missed)


def measure(lab: LabHost, size: int, options: argparse.Namespace) -> tuple[float, float]:
    eventloop.ensure_running()
    virsh = libvirt.open(lab.test_uri)
    for number in range(size):
        virsh.defineXML(DOMAIN.format(number))
    for number in range(min(size, 10)):
        virsh.lookupByUUIDString(UUID_TEXT.format(number)).create()
    with small_product() as product:
        token = product.python(ROWS.format(socket=str(lab.socket), size=size))
        product.start_watcher()  # type: ignore[attr-defined]
        wait_until_up(product)
        results = {"libvirt event": listen_to_libvirt(lab.test_uri, virsh, options.changes)}
        results["live socket"] = listen_to_socket(product, token, virsh, options.changes)
        if not options.no_browser:
            results["browser page"] = listen_in_browser(product, virsh, options.changes)
    base = statistics.median(results["libvirt event"])
    for name, times in results.items():
        p50, p95 = statistics.median(times), sorted(times)[int(len(times) * 0.95)]
        line = f"p50 {p50:6.1f} ms, p95 {p95:6.1f} ms, max {max(times):6.1f} ms, n={len(times)}, {p50 / base:.1f}x bare"
        print(f"{size:5d} guests, {name:13s}: {line}", flush=True)
    virsh.close()
    last = list(results.values())[-1]
    return statistics.median(last), sorted(last)[int(len(last) * 0.95)]


def wait_until_up(product: SmallProduct) -> None:
    """Up, and every running guest's definition read, so that nothing but the changes happens."""
    for _ in range(120):
        state = product.python(
            "from hosts.models import Host; from guests.models import Guest\n"
            "print(Host.objects.get().state, Guest.objects.filter(definition_digest='').count())"
        )
        if state == "up 0":
            return
        time.sleep(0.5)
    raise RuntimeError(f"the host did not come up: {state}\n" + (product.data_dir / "log").read_text()[-3000:])


def toggles(virsh: Any, count: int):  # type: ignore[no-untyped-def]
    """(domain number, the new state, what to call): ten guests in turn, each suspended and resumed."""
    for change in range(count):
        number, is_resume = change // 2 % 10, change % 2
        domain = virsh.lookupByUUIDString(UUID_TEXT.format(number))
        yield number, "running" if is_resume else "paused", domain.resume if is_resume else domain.suspend


def run(virsh: Any, count: int, arrivals: queue.Queue[tuple[int, str, float]], clock) -> list[float]:  # type: ignore[no-untyped-def]
    times = []
    for number, state, act in toggles(virsh, count):
        while not arrivals.empty():
            arrivals.get_nowait()
        started = clock()
        act()
        while True:
            seen_number, seen_state, at = arrivals.get(timeout=20)
            if (seen_number, seen_state) == (number, state):
                break
        times.append((at - started) * 1000)
        time.sleep(0.03)  # past the coalescing window: each change is a lone one
    return times


def listen_to_libvirt(uri: str, virsh: Any, count: int) -> list[float]:
    arrivals: queue.Queue[tuple[int, str, float]] = queue.Queue()
    listener = libvirt.open(uri)

    def heard(_connection: Any, domain: Any, event: int, _detail: int, _opaque: Any) -> None:
        state = {libvirt.VIR_DOMAIN_EVENT_SUSPENDED: "paused", libvirt.VIR_DOMAIN_EVENT_RESUMED: "running"}.get(event, "")
        arrivals.put((int(domain.name().split("-")[1]), state, time.perf_counter()))

    number = listener.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, heard, None)
    times = run(virsh, count, arrivals, time.perf_counter)
    listener.domainEventDeregisterAny(number)
    listener.close()
    return times


def listen_to_socket(product: SmallProduct, token: str, virsh: Any, count: int) -> list[float]:
    arrivals: queue.Queue[tuple[int, str, float]] = queue.Queue()
    url = f"ws://127.0.0.1:{product.port}/ws/live/"
    with connect_socket(url, additional_headers={"Authorization": f"Token {token}"}, max_size=None) as live:
        live.send(json.dumps({"subscribe": ["guests"]}))
        assert json.loads(live.recv())["type"] == "snapshot"

        def read() -> None:
            with suppress(Exception):
                for text in live:
                    at = time.perf_counter()
                    message = json.loads(text)
                    if message["type"] == "changed":
                        arrivals.put((int(message["data"]["name"].split("-")[1]), message["data"]["state"], at))

        threading.Thread(target=read, daemon=True).start()
        return run(virsh, count, arrivals, time.perf_counter)


WATCH_TEXT = """
() => {
  const last = new Map();
  const look = () => {
    const at = Date.now() / 1000;
    for (const row of document.querySelectorAll("table tbody tr")) {
      const name = /bench-(\\d+)/.exec(row.textContent);
      const state = /\\b(running|paused)\\b/i.exec(row.textContent);
      if (!name || !state || last.get(name[1]) === state[1]) continue;
      last.set(name[1], state[1]);
      window.changedText(Number(name[1]), state[1].toLowerCase(), at);
    }
  };
  look();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}
"""


def listen_in_browser(product: SmallProduct, virsh: Any, count: int) -> list[float]:
    """Changed text of the open list of guests, by a MutationObserver: what a person can read in the next frame."""
    from playwright.sync_api import sync_playwright

    arrivals: queue.Queue[tuple[int, str, float]] = queue.Queue()
    times: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.expose_function("changedText", lambda number, state, at: arrivals.put((int(number), state, at)))
        page.goto(f"{product.url}/login/?next=/guests/")
        page.fill("[name=username]", "bench")
        page.fill("[name=password]", "bench bench bench")
        page.press("[name=password]", "Enter")
        page.wait_for_selector("text=bench-00000")
        page.evaluate(WATCH_TEXT)
        page.wait_for_timeout(1500)
        # Playwright's callbacks run in this thread while it waits: the changes are made by another.
        done = threading.Thread(target=lambda: times.extend(run(virsh, count, arrivals, time.time)))
        done.start()
        while done.is_alive():
            page.wait_for_timeout(5)
        browser.close()
    return times


if __name__ == "__main__":
    raise SystemExit(main())
