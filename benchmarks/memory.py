"""Benchmark (f): the memory of the whole product at rest, started as a user starts it (`script/server`), with its micro image built.

    .venv/bin/python benchmarks/memory.py [--rest 60]

Proportional set size (PSS): what processes share is counted once, each its part. libvirtd is the machine's, not ours, and is not counted.
The baseline of the same run is one Python process with Django set up and nothing else.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.web import PROJECT, conclude
from tests.real.product import Product

TARGET_MIB = 400
BASELINE = "import django; django.setup(); print(open('/proc/self/smaps_rollup').read())"


def pss_mib(rollup: str) -> float:
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def descendants(pid: int) -> list[int]:
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [pid, *(each for child in children for each in descendants(child))]


def name_of(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    parts = {"uvicorn": "web", "celery": "worker", "watch_hosts": "watcher", "hypervisor.libvirt.broker": "broker", "redis-server": "redis"}
    if "celeryd: beat" in words or " beat" in words:
        return "beat"
    return next((name for part, name in parts.items() if part in words), "supervisor and its shell")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rest", type=int, default=60, help="seconds of rest before measuring")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kb-", ignore_cleanup_errors=True) as folder:
        product = Product.start(Path(folder))
        try:
            time.sleep(chosen.rest)
            env = Product.environment(product.data_dir, product.port) | {"DJANGO_SETTINGS_MODULE": "kvmweb.settings"}
            bare = pss_mib(subprocess.run([sys.executable, "-c", BASELINE], cwd=PROJECT, env=env, capture_output=True, text=True).stdout)
            found: dict[str, list[float]] = {}
            for pid in descendants(product.process.pid):
                try:
                    size = pss_mib(Path(f"/proc/{pid}/smaps_rollup").read_text())
                    found.setdefault(name_of(pid), []).append(size)
                except (FileNotFoundError, ProcessLookupError):
                    continue
        finally:
            product.stop()
    total = sum(size for sizes in found.values() for size in sizes)
    for name, sizes in sorted(found.items(), key=lambda item: -sum(item[1])):
        print(f"{name:26} {sum(sizes):7.1f} MiB in {len(sizes)} process{'' if len(sizes) == 1 else 'es'}")
    print(f"{'all':26} {total:7.1f} MiB, {total / bare:.1f}x one bare Django process of {bare:.1f} MiB, on {os.cpu_count()} CPUs")
    missed = [] if total < TARGET_MIB else [f"{total:.0f} MiB"]
    return conclude(f"less than {TARGET_MIB} MiB at rest", f"{total:.0f} MiB", missed)


if __name__ == "__main__":
    raise SystemExit(main())
