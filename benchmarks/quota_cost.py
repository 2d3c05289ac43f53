"""What counting costs in a large installation: one tenant's usage, its reservation, and the meters of all tenants.

.venv/bin/python benchmarks/quota_cost.py sqlite --guests 10000 --tenants 200 --jobs 100000
.venv/bin/python benchmarks/quota_cost.py postgres
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from uuid import uuid4

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
ROUNDS = 30


def fill(guests: int, tenants: int, jobs: int) -> None:
    """One tenant has a tenth of everything, the others share the rest."""
    from guests.models import Guest
    from hosts.models import Host
    from jobs.models import Job
    from storage.models import Image, Pool, Volume
    from tenants.models import Quota, QuotaDefault, Tenant

    QuotaDefault.objects.create(guests=10**6, running_jobs=10**6)
    rows = Tenant.objects.bulk_create(Tenant(name=f"t{number:04d}") for number in range(tenants))
    Quota.objects.bulk_create(Quota(tenant=row, vcpus=10**6, follows_default=["guests", "running_jobs"]) for row in rows)
    host = Host.objects.create(name="h1", kind="unix", socket_path="/fake/cost")
    pool = Pool.objects.create(host=host, name="default")
    owner = lambda number: rows[0] if number % 10 == 0 else rows[number % tenants]  # noqa: E731
    size = {"vcpus": 2, "memory_mib": 1024, "disk_gib": 10, "state": "running"}
    Guest.objects.bulk_create(
        (Guest(name=f"g{n}", domain_name=f"g{n}", uuid=uuid4(), tenant=owner(n), host=host, **size) for n in range(guests)), batch_size=500
    )
    Volume.objects.bulk_create(
        (Volume(pool=pool, name=f"v{n}", purpose="disk", tenant=owner(n), capacity_bytes=2**30) for n in range(guests // 10)),
        batch_size=500,
    )
    Image.objects.bulk_create(Image(name=f"i{n}", kind="disk", tenant=owner(n), virtual_size_bytes=2**31) for n in range(tenants))
    who = uuid4()
    Job.objects.bulk_create(
        (
            Job(kind="guest.start", title="x", tenant=owner(n), actor_user_id=who, state="succeeded" if n % 500 else "running")
            for n in range(jobs)
        ),
        batch_size=1000,
    )


def time_it(name: str, act: Callable[[], object]) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        act()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        act()
        taken.append(1000 * (time.perf_counter() - began))
    print(f"{name:38} {len(captured):3} queries  {median(taken):7.2f} ms (median of {ROUNDS})")


def measure() -> None:
    from django.db import connection, transaction

    from tenants.models import Tenant
    from tenants.quota import limits_of, reserve, usage_of
    from tenants.quota.meters import meters_of_all

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    large, small = Tenant.objects.get(name="t0000"), Tenant.objects.get(name="t0007")

    def reserving(tenant: Tenant, **asked: int) -> None:
        with transaction.atomic():
            reserve(tenant, **asked)

    for tenant, words in ((large, "the largest tenant"), (small, "a small tenant")):
        time_it(f"usage of {words}", lambda tenant=tenant: usage_of(tenant.pk))
        time_it(f"reserve a guest for {words}", lambda tenant=tenant: reserving(tenant, guests=1, vcpus=1, memory_mib=1, disk_gib=1))
        time_it(f"reserve a job for {words}", lambda tenant=tenant: reserving(tenant, running_jobs=1))
    time_it("limits of a tenant", lambda: limits_of(small.pk))
    every = list(Tenant.objects.values_list("pk", flat=True))
    time_it(f"meters of all {len(every)} tenants", lambda: meters_of_all(every))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", choices=["postgres", "sqlite"])
    parser.add_argument("--guests", type=int, default=10000)
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=100000)
    options = parser.parse_args()
    with ExitStack() as stack:
        from quota_race import postgres

        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kq-data-"))
        database = stack.enter_context(postgres()) if options.database == "postgres" else f"sqlite:///{folder}/cost.sqlite3"
        os.environ.update(DATABASE_URL=database, KVMWEB_DATA_DIR=folder, DJANGO_SETTINGS_MODULE="kvmweb.settings.test")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, skip_checks=True)
        fill(options.guests, options.tenants, options.jobs)
        print(f"{options.database}: {options.guests} guests, {options.tenants} tenants, {options.jobs} jobs")
        measure()


if __name__ == "__main__":
    main()
