"""Benchmark (a), every way to look at the guest list: each ordering, both ways, with each filter the page offers, at 10,000 guests.

    .venv/bin/python benchmarks/list_variants.py [--guests 10000] [--rounds 20] [--postgres] [--all]

By REST and as a page, for an operator who sees all of them and for an owner who sees every twentieth. The baseline of the same run is
the plain list by name. Prints the slowest ones; `--all`: every one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.web import Measured, conclude, measure, site

P50_MS, P95_MS = 20, 50
SHOWN = 12
ORDERINGS = [sign + name for name in ("name", "state", "created_at", "memory_mib", "vcpus", "cpu_percent") for sign in ("", "-")]
CHIPS: dict[str, dict[str, str]] = {
    "all": {},
    "running": {"state": "running"},
    "stopped": {"state": "shutoff"},
    "paused": {"state": "paused,suspended"},
    "problems": {"problems": "true"},
}
OTHERS: dict[str, dict[str, str]] = {
    "search, few": {"search": "g-0012"},
    "search, many": {"search": "10."},
    "search, none": {"search": "nothing-like-it"},
    "search, tag": {"search": "rack-7"},
    "search, tenant": {"search": "small"},
    "search, two words": {"search": "prod 00099"},
    "search, running by cpu": {"search": "g-00", "state": "running", "ordering": "-cpu_percent"},
    "tag": {"tag": "rack-3"},
    "tag, by cpu": {"tag": "rack-3", "ordering": "-cpu_percent"},
    "os": {"os": "debian12", "ordering": "-memory_mib"},
    "missing": {"state": "missing"},
}


def variants() -> dict[str, tuple[str, str]]:
    """Name -> (path, who)."""
    queries = {f"{chip}, by {order}": {**wanted, "ordering": order} for chip, wanted in CHIPS.items() for order in ORDERINGS} | OTHERS
    found = {}
    for name, query in queries.items():
        for who in ("operator", "owner"):
            found[f"REST, {who}, {name}"] = (f"/api/v1/guests/?{urlencode({'page_size': 50, **query})}", who)
        page = {**query, **({"problems": "1"} if "problems" in query else {})}
        found[f"page, operator, {name}"] = (f"/guests/?{urlencode(page)}", "operator")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--all", action="store_true")
    chosen = parser.parse_args()
    measured: dict[str, Measured] = {}
    with site(f"guests={chosen.guests}", postgres=chosen.postgres) as at:
        for name, (path, who) in variants().items():
            measured[name] = measure(at, path, who=who, rounds=chosen.rounds)
    slowest = sorted(measured, key=lambda name: -measured[name].p50_ms)
    base = {"REST": measured["REST, operator, all, by name"].p50_ms, "page": measured["page, operator, all, by name"].p50_ms}
    for name in slowest if chosen.all else slowest[:SHOWN]:
        found = measured[name]
        ratio = found.p50_ms / base[name.split(",")[0]]
        print(f"{name:50} p50 {found.p50_ms:7.2f}  p95 {found.p95_ms:7.2f}  cpu {found.cpu_ms:6.2f} ms  {ratio:5.2f}x by name")
    missed = [
        f"{name}: p50 {measured[name].p50_ms:.1f} ms, p95 {measured[name].p95_ms:.1f} ms"
        for name in slowest
        if measured[name].p50_ms > P50_MS or measured[name].p95_ms > P95_MS
    ]
    return conclude(
        f"p50 <= {P50_MS} ms, p95 <= {P95_MS} ms for each of {len(measured)} ways on {'PostgreSQL' if chosen.postgres else 'SQLite'}",
        f"slowest p50 {measured[slowest[0]].p50_ms:.1f} ms, p95 {max(found.p95_ms for found in measured.values()):.1f} ms",
        missed,
    )


if __name__ == "__main__":
    sys.exit(main())
