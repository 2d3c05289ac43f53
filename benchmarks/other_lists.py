"""Lists of jobs, audit records, images and hosts with 100,000 rows each, as pages and by REST, with their filters and orderings.

    .venv/bin/python benchmarks/other_lists.py [--rows 100000] [--rounds 20] [--postgres]

For an operator, and for an owner who sees every twentieth row. The baseline of the same run is /healthz.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.web import conclude, measure, site

P50_MS, P95_MS = 20, 50
PATHS = {
    "jobs": ["/api/v1/jobs/", "/api/v1/jobs/?ordering=created_at", "/jobs/", "/jobs/?state=active", "/jobs/?state=failed"],
    "more jobs": [
        "/jobs/?state=succeeded",
        "/jobs/?state=cancelled",
        "/api/v1/jobs/?state=running,queued",
        "/api/v1/jobs/?kind=guest.start",
        "/api/v1/jobs/?kind=guest.create",
    ],
    "audit": ["/api/v1/audit/", "/api/v1/audit/?ordering=at", "/api/v1/audit/?operation=guest.start", "/api/v1/audit/?outcome=refused"],
    "images": ["/api/v1/images/", "/api/v1/images/?ordering=-name", "/api/v1/images/?ordering=-created_at", "/images/"],
    "hosts": ["/api/v1/hosts/", "/api/v1/hosts/?ordering=-state", "/api/v1/hosts/?state=up", "/hosts/"],
    "volumes": ["/api/v1/volumes/", "/api/v1/volumes/?ordering=-name"],
}
SEARCHES = ["/jobs/?search=0099", "/jobs/?search=nothing-like-it", "/images/?search=0099", "/hosts/?search=0099"]
"""Looking for text somewhere inside reads every row: told, and not counted against the target."""
OPERATORS_ONLY = "/hosts/"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--postgres", action="store_true")
    chosen = parser.parse_args()
    rows = [f"{name}={chosen.rows}" for name in ("jobs", "audit", "images", "hosts")]
    paths = [path for group in PATHS.values() for path in group]
    missed, slowest = [], (0.0, "")
    with site(*rows, "guests=10000", postgres=chosen.postgres) as at:
        base = measure(at, "/healthz", rounds=chosen.rounds).p50_ms
        for path in [*paths, *SEARCHES]:
            for who in ("operator", "owner"):
                if who == "owner" and path.startswith(OPERATORS_ONLY):
                    continue
                found = measure(at, path, who=who, rounds=chosen.rounds)
                counts = path not in SEARCHES
                note = f"{found.p50_ms / base:6.1f}x /healthz{'' if counts else '   (search)'}"
                print(f"{path:45} {who:8} p50 {found.p50_ms:7.2f}  p95 {found.p95_ms:7.2f}  cpu {found.cpu_ms:7.2f} ms {note}", flush=True)
                if counts:
                    slowest = max(slowest, (found.p50_ms, path))
                    if found.p50_ms > P50_MS or found.p95_ms > P95_MS:
                        missed.append(f"{path} for {who}: p50 {found.p50_ms:.1f} ms, p95 {found.p95_ms:.1f} ms")
    database = "PostgreSQL" if chosen.postgres else "SQLite"
    target = f"p50 <= {P50_MS} ms, p95 <= {P95_MS} ms at {chosen.rows} rows on {database}"
    return conclude(target, f"slowest p50 {slowest[0]:.1f} ms ({slowest[1]})", missed)


if __name__ == "__main__":
    sys.exit(main())
