"""Runs the benchmarks in turn and ends with a table: what was aimed for, what was measured, met or missed.

    .venv/bin/python benchmarks/run_all.py [--only lists,jobs] [--skip memory] [--list]

For a quiet machine: each of them starts what it needs and takes what it gets. The whole takes about half an hour. Logs are in
build/benchmarks/. Ends with 1 when one was missed or failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOGS = HERE.parent / "build/benchmarks"
LIMIT_S = 900
QUIET_LOAD = 1.5

BENCHMARKS: dict[str, tuple[str, ...]] = {
    "lists": ("lists.py",),
    "lists-postgres": ("lists.py", "--postgres"),
    "variants": ("list_variants.py",),
    "variants-postgres": ("list_variants.py", "--postgres"),
    "other-lists": ("other_lists.py",),
    "other-lists-postgres": ("other_lists.py", "--postgres"),
    "frozen-host": ("frozen_host.py",),
    "browser": ("browser.py",),
    "live": ("live_latency.py",),
    "storm": ("reconnect_storm.py",),
    "reconcile": ("reconcile.py",),
    "console": ("console_relay.py",),
    "click": ("jobs.py",),
    "click-postgres": ("jobs.py", "--postgres"),
    "memory": ("memory.py",),
}


@dataclass(frozen=True)
class Outcome:
    name: str
    verdict: str
    measured: str
    target: str
    took_s: float
    load: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names, with commas between")
    parser.add_argument("--skip", default="", help="names, with commas between")
    parser.add_argument("--list", action="store_true", help="only say which there are")
    chosen = parser.parse_args()
    if chosen.list:
        print("\n".join(f"{name:22} benchmarks/{' '.join(command)}" for name, command in BENCHMARKS.items()))
        return 0
    only, skip = (set(filter(None, text.split(","))) for text in (chosen.only, chosen.skip))
    unknown = (only | skip) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; see --list")
    LOGS.mkdir(parents=True, exist_ok=True)
    outcomes = [run(name, command) for name, command in BENCHMARKS.items() if name not in skip and (not only or name in only)]
    print()
    for each in outcomes:
        print(
            f"{each.verdict:7} {each.name:22} {each.measured}\n{'':30} target: {each.target}  ({each.took_s:.0f} s, load {each.load:.1f})"
        )
    return 0 if all(each.verdict == "MET" for each in outcomes) else 1


def run(name: str, command: tuple[str, ...]) -> Outcome:
    load = os.getloadavg()[0]
    warning = "" if load < QUIET_LOAD else f" (the machine is busy, load {load:.1f}: times will be long)"
    print(f"{name} ...{warning}", flush=True)
    began = time.monotonic()
    log = LOGS / f"{name}.log"
    with log.open("w") as out:
        try:
            done = subprocess.run(
                [sys.executable, str(HERE / command[0]), *command[1:]], stdout=out, stderr=out, timeout=LIMIT_S, cwd=HERE.parent
            )
            status = done.returncode
        except subprocess.TimeoutExpired:
            status = -1
    took = time.monotonic() - began
    lines = [line for line in log.read_text().splitlines() if line.strip()] or ["nothing was printed"]
    result = next((line for line in reversed(lines) if line.startswith("RESULT ")), "")
    if not result:
        verdict = "TIMEOUT" if status == -1 else "FAILED" if status else "ENDED"
        return Outcome(name, verdict, lines[-1][:200], f"see {log.relative_to(HERE.parent)}", took, load)
    target, measured, _, verdict = (part.strip() for part in result.removeprefix("RESULT target: ").rsplit(" | ", 3))
    return Outcome(name, verdict, measured.removeprefix("measured: "), target, took, load)


if __name__ == "__main__":
    raise SystemExit(main())
