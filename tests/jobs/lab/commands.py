"""Run inside the installation's environment: `python -m tests.jobs.lab.commands NAME JSON`; prints one JSON line."""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any
from uuid import uuid4

import django


def submit(*, kind: str = "lab.files", count: int = 1, args: dict[str, Any] | None = None, host_id: str | None = None) -> list[str]:
    from jobs.services import submit as submit_job
    from tenants.actor import system_actor

    return [str(submit_job(system_actor("lab"), kind=kind, title="Lab", args=args, host_id=host_id).pk) for _ in range(count)]


def crowd(*, count: int, sleep_s: float) -> dict[str, Any]:
    """Jobs that block on one host, and then one that has nothing to do with it."""
    slow = submit(count=count, host_id=str(uuid4()), args={"sleep_s": {"one": sleep_s}, "is_deaf": True})
    return {"slow": slow, "other": submit()[0]}


def clicks(*, count: int) -> dict[str, Any]:
    """Submit one by one, as requests do: how long each took until it could be answered."""
    ids, times = [], []
    for _ in range(count):
        started = time.perf_counter()
        ids += submit()
        times.append((time.perf_counter() - started) * 1000)
    return {"ids": ids, "median_ms": statistics.median(times), "slowest_ms": max(times)}


def wait(*, ids: list[str], timeout_s: float, states: tuple[str, ...] = ("succeeded", "failed", "cancelled", "needs_attention")) -> Any:
    from jobs.models import Job

    until = time.monotonic() + timeout_s
    while time.monotonic() < until and Job.objects.filter(pk__in=ids, state__in=states).count() < len(ids):
        time.sleep(0.1)
    return list(
        Job.objects.filter(pk__in=ids).values("pk", "state", "step", "crashes", "fence", "error", "created_at", "started_at", "finished_at")
    )


def cancel(*, id: str) -> str:
    from jobs.models import Job
    from jobs.services import cancel_job
    from tenants.actor import system_actor

    return cancel_job(system_actor("lab"), Job.objects.get(pk=id)).state


def seen() -> Any:
    from kvmweb import heartbeat

    return heartbeat.seen()


def hammer(*, seconds: float) -> dict[str, Any]:
    """Write as web and watcher do, as fast as it goes; count what the database refused."""
    from django.db import OperationalError, transaction

    from hosts.models import Host
    from tenants.actor import system_actor
    from tenants.audit import record

    host = Host.objects.create(name=f"hammer-{time.monotonic_ns()}", kind="test")
    writes, refused, until = 0, [], time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with transaction.atomic():
                seen = Host.objects.get(pk=host.pk)
                Host.objects.filter(pk=host.pk).update(memory_free_mib=seen.memory_free_mib + 1)
                record(system_actor("lab"), "host.change", "done", target=host)
            writes += 1
        except OperationalError as error:
            refused.append(str(error))
    return {"writes": writes, "refused": refused}


if __name__ == "__main__":
    django.setup()
    _, name, arguments = sys.argv
    print(json.dumps(globals()[name](**json.loads(arguments)), default=str))
