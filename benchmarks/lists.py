"""Benchmark (a): the guest list, as a page and by REST, 50 guests a page, with 10, 1,000 and 10,000 guests, through real uvicorn.

    .venv/bin/python benchmarks/lists.py [--rounds 100] [--sizes 10,1000,10000] [--postgres]

Times are seen from a client on loopback with one connection kept alive. Each is also given as a ratio to /healthz of the same process
(what a request costs before anything of ours) and to the case with 10 guests (is it flat; 10 guests also fill a fifth of a page only).
The owner sees every twentieth guest. All orderings and filters are in `list_variants.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.web import Measured, Site, conclude, fetch, measure, site

P50_MS, P95_MS = 20, 50
PATHS = {
    "healthz": ("/healthz", "operator"),
    "REST, first page": ("/api/v1/guests/?page_size=50", "operator"),
    "REST, last page": ("/api/v1/guests/?page_size=50&ordering=-name", "operator"),
    "REST, search": ("/api/v1/guests/?page_size=50&search=g-0000", "operator"),
    "page": ("/guests/", "operator"),
    "overview": ("/", "operator"),
    "REST, owner": ("/api/v1/guests/?page_size=50", "owner"),
    "page, owner": ("/guests/", "owner"),
    "overview, owner": ("/", "owner"),
}


def last_page_of(at: Site, path: str) -> str:
    """The page before the end: followed backwards from the opposite ordering, so that no offset can hide in it."""
    following = json.loads(fetch(at, path))["next"]
    parts = urlsplit(following or path)
    return f"{parts.path}?{parts.query}"


def run(size: int, rounds: int, *, postgres: bool) -> dict[str, Measured]:
    with site(f"guests={size}", postgres=postgres) as at:
        results = {}
        for name, (path, who) in PATHS.items():
            wanted = last_page_of(at, path) if name == "REST, last page" else path
            results[name] = measure(at, wanted, who=who, rounds=rounds)
        return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--sizes", default="10,1000,10000")
    parser.add_argument("--postgres", action="store_true")
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    measured = {size: run(size, chosen.rounds, postgres=chosen.postgres) for size in sizes}
    print(f"{'':18} {'guests':>7} {'p50 ms':>8} {'p95 ms':>8} {'cpu ms':>8} {'/healthz':>9} {f'/{sizes[0]} guests':>11}")
    missed, worst = [], Measured(0, 0, 0, 0)
    for name in PATHS:
        for size in sizes:
            found = measured[size][name]
            to_trivial, to_small = found.p50_ms / measured[size]["healthz"].p50_ms, found.p50_ms / measured[sizes[0]][name].p50_ms
            print(f"{name:18} {size:7} {found.p50_ms:8.2f} {found.p95_ms:8.2f} {found.cpu_ms:8.2f} {to_trivial:9.1f} {to_small:11.2f}")
            worst = max(worst, found, key=lambda each: each.p50_ms)
            if found.p50_ms > P50_MS or found.p95_ms > P95_MS:
                missed.append(f"{name} with {size} guests: p50 {found.p50_ms:.1f} ms, p95 {found.p95_ms:.1f} ms")
    database = "PostgreSQL" if chosen.postgres else "SQLite"
    return conclude(
        f"p50 <= {P50_MS} ms, p95 <= {P95_MS} ms on {database}",
        f"slowest p50 {worst.p50_ms:.1f} ms, p95 {max(each.p95_ms for of in measured.values() for each in of.values()):.1f} ms",
        missed,
    )


if __name__ == "__main__":
    sys.exit(main())
