"""Fills an empty database for the benchmarks of lists, and prints as JSON how each person logs in: {"operator": {...}, "owner": {...}}.

    KVMWEB_DATA_DIR=... python benchmarks/rows.py guests=10000 jobs=100000 audit=100000 images=100000 hosts=1000

The operator sees everything. The owner sees the tenant `small` with every twentieth guest, job, image and audit record.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")

HOSTS, TENANTS = 4, 8
SMALL_SHARE = 20
STATES = ("running", "running", "shutoff", "paused")


def main() -> None:
    import django

    django.setup()
    wanted = {name: int(count) for name, _, count in (text.partition("=") for text in sys.argv[1:])}
    people = make_people()
    tenants, hosts = make_ground(max(wanted.get("hosts", 0), HOSTS))
    for name, make in (("guests", make_guests), ("jobs", make_jobs), ("audit", make_audit), ("images", make_images)):
        if wanted.get(name):
            make(wanted[name], tenants, hosts[:HOSTS])
    analyze()
    print(json.dumps(people))


def analyze() -> None:
    """What a database that has run for a day knows about its tables."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def make_people() -> dict[str, dict[str, str]]:
    from tenants.models import Membership, Tenant, User

    operator = User.objects.create_superuser("bench", password="bench bench bench")
    owner = User.objects.create_user("owner", password="bench bench bench")
    Membership.objects.create(tenant=Tenant.objects.create(name="small"), user=owner, role="owner")
    return {"operator": login(operator), "owner": login(owner)}


def login(user: Any) -> dict[str, str]:
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from tenants.models import ApiToken

    _, key = ApiToken.objects.create(user=user, name="bench", scope="admin")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    backend = settings.AUTHENTICATION_BACKENDS[0]
    session.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: backend, HASH_SESSION_KEY: user.get_session_auth_hash()})
    session.save()
    return {"Authorization": f"Token {key}", "Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}


def make_ground(hosts: int) -> tuple[list[Any], list[Any]]:
    from hosts.models import Host
    from networks.models import Network
    from storage.models import Pool
    from tenants.models import Tenant

    tenants = [Tenant.objects.get(name="small"), *(Tenant.objects.create(name=f"t{n}") for n in range(TENANTS))]
    fields = {"kind": "unix", "state": "up", "cpus": 64, "memory_mib": 512 * 1024, "memory_free_mib": 64 * 1024}
    rows = [Host(name=f"h{n:06}", socket_path=f"/nowhere/{n}", **fields) for n in range(hosts)]
    Host.objects.bulk_create(rows, batch_size=500)
    for host in rows[:HOSTS]:
        Pool.objects.create(host=host, name="default", is_active=True, capacity_bytes=10**12, available_bytes=10**11)
        Network.objects.create(host=host, name="default", is_active=True)
    return tenants, rows


def tenant_of(number: int, tenants: list[Any]) -> Any:
    return tenants[0] if number % SMALL_SHARE == 0 else tenants[1 + number % (len(tenants) - 1)]


def make_guests(count: int, tenants: list[Any], hosts: list[Any]) -> None:
    from django.utils import timezone

    from guests.models import Guest, GuestDisk, GuestNic
    from networks.models import Network
    from storage.models import Pool, Volume

    pools, networks = ([row.objects.get(host=host) for host in hosts] for row in (Pool, Network))
    now = timezone.now()
    guests = [
        Guest(
            name=f"g-{n:06}",
            uuid=uuid4(),
            domain_name=f"g-{n:06}-x",
            tenant=tenant_of(n, tenants),
            host=hosts[n % len(hosts)],
            vcpus=1 + n % 8,
            memory_mib=512 * (1 + n % 16),
            disk_gib=10,
            os="debian12",
            state="crashed" if n % 500 == 499 else STATES[n % 4],
            is_missing=n % 700 == 699,
            tags=["prod", f"rack-{n % 16}"],
            addresses=[f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"],
            primary_address=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
            observed_at=now,
            cpu_percent=n * 7919 % 1000 / 10 if n % 4 < 2 else None,
            definition_digest="0" * 64,
        )
        for n in range(count)
    ]
    Guest.objects.bulk_create(guests, batch_size=500)
    volumes = [Volume(pool=pools[n % 4], tenant=guest.tenant, name=f"{guest.name}.qcow2", purpose="disk") for n, guest in enumerate(guests)]
    Volume.objects.bulk_create(volumes, batch_size=500)
    pairs = zip(guests, volumes, strict=True)
    GuestDisk.objects.bulk_create([GuestDisk(guest=guest, volume=volume, target="vda") for guest, volume in pairs], batch_size=500)
    nics = [
        GuestNic(guest=guest, network=networks[n % 4], mac=f"52:54:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}")
        for n, guest in enumerate(guests)
    ]
    GuestNic.objects.bulk_create(nics, batch_size=500)


def make_jobs(count: int, tenants: list[Any], hosts: list[Any]) -> None:
    """Nearly all succeeded, as after a year; a few are running."""
    from django.utils import timezone

    from jobs.models import Job

    now = timezone.now()

    def state(number: int) -> str:
        if number < 20:
            return "running"
        return {0: "failed", 1: "cancelled"}.get(number % 200, "succeeded")

    def job(number: int) -> Job:
        return Job(
            kind="guest.start",
            title=f"Start guest g-{number:06}",
            state=state(number),
            tenant=tenant_of(number, tenants),
            actor_label="bench",
            target_type="guest",
            target_id=uuid4(),
            target_name=f"g-{number:06}",
            host_id=hosts[number % len(hosts)].pk,
            finished_at=None if number < 20 else now - timedelta(seconds=number * 30),
        )

    for start in range(0, count, 5000):
        rows = [job(number) for number in range(start, min(start + 5000, count))]
        Job.objects.bulk_create(rows, batch_size=500)
    spread("jobs_job", "created_at")


def spread(table: str, column: str) -> None:
    """`auto_now_add` gave all rows nearly one moment: put them 30 s apart."""
    from django.db import connection

    order = "rowid" if connection.vendor == "sqlite" else "ctid"
    numbered = f"SELECT {order} AS place, row_number() OVER (ORDER BY {column} DESC) AS n FROM {table}"
    moment = (
        f"strftime('%Y-%m-%d %H:%M:%f', {column}, '-' || (numbered.n * 30) || ' seconds')"
        if connection.vendor == "sqlite"
        else f"{column} - numbered.n * interval '30 seconds'"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {moment} FROM ({numbered}) AS numbered WHERE {table}.{order} = numbered.place")


def make_audit(count: int, tenants: list[Any], _hosts: list[Any]) -> None:
    from tenants.models import AuditEntry

    for start in range(0, count, 5000):
        rows = [
            AuditEntry(
                operation="guest.start",
                outcome="refused" if number % 50 == 0 else "done",
                actor_label="bench",
                tenant_id=tenant_of(number, tenants).pk,
                target_type="guest",
                target_id=str(uuid4()),
                target_name=f"g-{number:06}",
            )
            for number in range(start, min(start + 5000, count))
        ]
        AuditEntry.objects.bulk_create(rows, batch_size=500)


def make_images(count: int, tenants: list[Any], _hosts: list[Any]) -> None:
    from storage.models import Image

    rows = [
        Image(
            name=f"i-{number:06}",
            kind="disk",
            tenant=None if number % 100 == 0 else tenant_of(number, tenants),
            state="ready",
            os="debian12",
            format="qcow2",
            size_bytes=10**9,
            virtual_size_bytes=10**10,
        )
        for number in range(count)
    ]
    Image.objects.bulk_create(rows, batch_size=500)


if __name__ == "__main__":
    main()
