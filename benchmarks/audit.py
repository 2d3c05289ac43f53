"""What the audit trail costs: a record with and without its link, and the page and its filters at many rows.

    DATABASE_URL=... .venv/bin/python benchmarks/audit.py [--rows 200000] [--n 300]

Uses a database of its own in a scratch folder, or, with DATABASE_URL, the named one, which should be empty.
"""

# ruff: noqa: E402  (Django is set up first)

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("KVMWEB_DATA_DIR", tempfile.mkdtemp(prefix="kvmweb-audit-"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction

from kvmweb.paging import first_of
from tenants import audit
from tenants.actor import Actor, system_actor
from tenants.audit import canonical, chain, triggers
from tenants.audit.lines import export
from tenants.audit.reading import AuditFilter, entries, in_batches
from tenants.audit.verify import verify
from tenants.models import AuditEntry, SystemRole, TenantRole

ACTOR = system_actor("bench")
TENANTS = [UUID(int=number) for number in range(1, 51)]


def timed(work: Callable[[], object], n: int) -> tuple[float, float]:
    times = []
    for _ in range(n):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.95) - 1]


def click(record: Callable[[], object]) -> None:
    """The smallest change there is: a write, its record, a commit."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE bench_row SET n = n + 1")
        record()


def without_chain() -> None:
    AuditEntry(operation="guest.start", outcome="done", actor_label="bench", details={"x": 1}).save(force_insert=True)


def with_chain() -> None:
    audit.record(ACTOR, "guest.start", "done", details={"x": 1})


def cost_of_a_record(n: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_row (n integer)")
        cursor.execute("INSERT INTO bench_row VALUES (0)")
    results: dict[str, list[tuple[float, float]]] = {}
    for _ in range(3):
        if connection.vendor == "postgresql":
            toggle("DISABLE")
        results.setdefault("without", []).append(timed(lambda: click(without_chain), n))
        if connection.vendor == "postgresql":
            toggle("ENABLE")
        results.setdefault("with", []).append(timed(lambda: click(with_chain), n))
        results.setdefault("nothing", []).append(timed(lambda: click(lambda: None), n))
    for name in ("nothing", "without", "with"):
        median, p95 = min(results[name])
        print(f"click with {name:8} record/link: median {median:6.3f} ms  p95 {p95:6.3f} ms  (n = {n}, best of 3)")
    plain, linked = min(results["without"])[0], min(results["with"])[0]
    print(f"the chain adds {linked - plain:.3f} ms to a click ({linked / plain:.2f}x)")


def toggle(how: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {triggers.ENTRIES} {how} TRIGGER {triggers.ENTRIES}_queue")


def fill(rows: int) -> None:
    """`rows` entries, linked, without going through `record` one by one."""
    have = chain.head()
    seq, previous = have.seq, have.hash
    started = time.perf_counter()
    base = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    operations = ("guest.start", "guest.shutdown", "guest.change", "console.open", "login", "guest.create")
    with triggers.suspended():
        if connection.vendor == "postgresql":
            toggle("DISABLE")
        for begin in range(0, rows, 2000):
            made, links = [], []
            for number in range(begin, min(begin + 2000, rows)):
                seq += 1
                entry = AuditEntry(
                    id=base + number + 1,
                    at=datetime_at(number, rows),
                    operation=operations[number % 6],
                    outcome="refused" if number % 97 == 0 else "done",
                    actor_label=f"user{number % 300}",
                    actor_user_id=UUID(int=10_000 + number % 300),
                    tenant_id=TENANTS[number % 50],
                    target_type="guest",
                    target_id=str(UUID(int=20_000 + number % 9973)),
                    target_name=f"web-{number % 9973}",
                    address="192.0.2.7",
                    request_id=f"{number:032x}",
                    details={"changes": {"vcpus": [1, 2]}},
                )
                entry.digest = canonical.digest_of(entry)
                digest = canonical.link_hash(previous, seq, entry.pk, entry.digest)
                links.append((seq, entry.pk, previous, digest))
                previous = digest
                made.append(entry)
            super(type(AuditEntry.objects.all()), AuditEntry.objects.all()).bulk_create(made)
            with connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {triggers.LINKS} (seq, entry_id, previous, hash) VALUES (%s, %s, %s, %s)", links)
        if connection.vendor == "postgresql":
            toggle("ENABLE")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{triggers.ENTRIES}', 'id'), (SELECT max(id) FROM {triggers.ENTRIES}))")
        cursor.execute("ANALYZE")
    print(f"{rows} rows in {time.perf_counter() - started:.0f} s")


def datetime_at(number: int, rows: int) -> object:
    from datetime import timedelta

    from django.utils import timezone

    return timezone.now() - timedelta(seconds=(rows - number) * 10)


def pages() -> None:
    from datetime import timedelta

    from django.utils import timezone

    auditor = Actor(label="aude", user_id=UUID(int=1), system_role=SystemRole.AUDITOR)
    owner = Actor(label="owen", user_id=UUID(int=10_003), roles={TENANTS[3]: TenantRole.OWNER})
    middle = timezone.now() - timedelta(seconds=5 * AuditEntry.objects.count())
    row = AuditEntry.objects.all()[AuditEntry.objects.count() // 2]
    filters = {
        "everything": AuditFilter(),
        "outcome": AuditFilter(outcome="refused"),
        "operation": AuditFilter(operation="guest.create"),
        "noun": AuditFilter(operation="console."),
        "actor": AuditFilter(actor=str(UUID(int=10_007))),
        "actor by name": AuditFilter(actor="user7"),
        "tenant": AuditFilter(tenant=str(TENANTS[7])),
        "target": AuditFilter(target=str(UUID(int=20_007))),
        "request": AuditFilter(request=f"{77:032x}"),
        "old day": AuditFilter(since=middle, until=middle + timedelta(days=1)),
        "tenant, refused": AuditFilter(tenant=str(TENANTS[7]), outcome="refused"),
        "common word": AuditFilter(search="web-12"),
        "one name": AuditFilter(search="web-9001"),
        "absent word": AuditFilter(search="nowhere"),
    }
    for name, wanted in filters.items():
        line = []
        for actor in (auditor, owner):
            rows = entries(actor, wanted)
            line.append(timed(lambda rows=rows: list(first_of(rows, 51)), 5)[0])
        print(f"page of 50, {name:16} auditor {line[0]:8.1f} ms   tenant's owner {line[1]:8.1f} ms")
    rows = entries(auditor).filter(at__lte=row.at)
    print(f"page of 50 in the middle  {timed(lambda: list(rows[:51]), 5)[0]:.1f} ms")


def whole() -> None:
    started = time.perf_counter()
    verdict = verify()
    print(f"verify: {verdict.count} entries in {time.perf_counter() - started:.1f} s, {'intact' if verdict.is_intact else verdict.broken}")
    for kind in ("csv", "jsonl"):
        started = time.perf_counter()
        size = sum(len(chunk) for chunk in export(system_actor("bench"), in_batches(entries(system_actor("bench"))), kind))
        print(f"export {kind}: {size / 2**20:.0f} MiB in {time.perf_counter() - started:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--n", type=int, default=300)
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    print(f"{connection.vendor}")
    cost_of_a_record(given.n)
    with triggers.suspended(), connection.cursor() as cursor:
        for table in triggers.PROTECTED:
            cursor.execute(f"DELETE FROM {table}")
    fill(given.rows)
    cost = timed(lambda: click(with_chain), given.n)
    print(f"click with a record at {given.rows} rows: median {cost[0]:.3f} ms p95 {cost[1]:.3f} ms")
    pages()
    whole()


if __name__ == "__main__":
    main()
