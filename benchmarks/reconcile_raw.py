"""Reading every guest's state: ours against libvirt's bare bulk call, through a daemon, at 1,000 and 10,000 test-driver domains.

    python benchmarks/reconcile_raw.py [--sizes 1000,10000] [--rounds 15] [--socket /run/libvirt/libvirt-sock]

The domains are in a state that only this connection sees. Budget: at most 2x the bare call.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import libvirt

from hypervisor.libvirt.sessions import LibvirtHost, connect_uri

BUDGET = 2.0
DOMAIN = (
    "<domain type='test'><name>bench-{0}</name><uuid>00000000-0000-4000-8000-{0:012d}</uuid>"
    "<memory>65536</memory><os><type>hvm</type></os></domain>"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--socket", default="/run/libvirt/libvirt-sock")
    options = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, options.sizes.split(",")):
            file = Path(folder) / f"{size}.xml"
            file.write_text(f"<node>{''.join(DOMAIN.format(index) for index in range(size))}</node>")
            host = connect_uri(f"test+unix://{file}?socket={options.socket}", timeout_s=120)
            worst = max(worst, compare(host, size, options.rounds))
            host.close()
    return 0 if worst <= BUDGET else 1


def compare(host: LibvirtHost, size: int, rounds: int) -> float:
    connection = host._connection
    assert len(host.guest_states()) == size
    raw: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):  # in turns, so that both meet the same machine
        raw.append(timed(lambda: connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)))
        ours.append(timed(host.guest_states))
    one_by_one = timed(lambda: [domain.state() for domain in connection.listAllDomains(0)[:1000]]) * size / min(size, 1000)
    base, mine = statistics.median(raw), statistics.median(ours)
    print(
        f"{size:6d} domains: bare bulk call {base * 1e3:7.1f} ms, guest_states {mine * 1e3:7.1f} ms ({mine / size * 1e6:.1f} us a guest), "
        f"ratio {mine / base:.2f} (budget {BUDGET:g}); one state() call each would be {one_by_one * 1e3:.0f} ms"
    )
    return mine / base


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
