"""Benchmark (a): the guest list, as a page and by REST, 50 guests a page, with 10, 1,000 and 10,000 guests, through real uvicorn.

    .venv/bin/python benchmarks/lists.py [--rounds 200] [--sizes 10,1000,10000]

Times are seen from a client on loopback with one connection kept alive. Each is also given as a ratio to /healthz of the same process
(what a request costs before anything of ours) and to the case with 10 guests (is it flat; 10 guests also fill a fifth of a page only).
"cpu ms" is the server's own CPU time per request, which other work on the machine disturbs less. SQLite in a folder of its own; the
database of DATABASE_URL when that is set: it is emptied. Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parent.parent
P50_MS, P95_MS = 20, 50
PATHS = {
    "healthz": "/healthz",
    "REST, first page": "/api/v1/guests/?page_size=50",
    "REST, last page": "/api/v1/guests/?page_size=50&ordering=-name",
    "REST, search": "/api/v1/guests/?page_size=50&search=g-0000",
    "page": "/guests/",
}


# -- in a process with Django ---------------------------------------------------------------------------------------------------------
def fill(count: int) -> None:
    """Make `count` guests and print how to log in."""
    sys.path.insert(0, str(PROJECT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")
    import django

    django.setup()
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.core.management import call_command

    from tenants.models import ApiToken, User

    call_command("flush", interactive=False, verbosity=0)
    user = User.objects.create_superuser("bench", password="bench-bench")
    make_rows(count)
    _, key = ApiToken.objects.create(user=user, name="bench", scope="read")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    backend = "django.contrib.auth.backends.ModelBackend"
    session.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: backend, HASH_SESSION_KEY: user.get_session_auth_hash()})
    session.save()
    print(json.dumps({"Authorization": f"Token {key}", "Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}))


def make_rows(count: int) -> None:
    from uuid import uuid4

    from django.utils import timezone

    from guests.models import Guest, GuestDisk, GuestNic
    from hosts.models import Host
    from networks.models import Network
    from storage.models import Pool, Volume
    from tenants.models import Tenant

    hosts = [Host.objects.create(name=f"h{n}", kind="unix", socket_path=f"/nowhere/{n}", state="up") for n in range(4)]
    pools = [Pool.objects.create(host=host, name="default", is_active=True) for host in hosts]
    networks = [Network.objects.create(host=host, name="default", is_active=True) for host in hosts]
    tenants = [Tenant.objects.create(name=f"t{n}") for n in range(8)]
    states = ("running", "running", "shutoff", "paused")
    now = timezone.now()
    guests = [
        Guest(
            name=f"g-{n:06}",
            uuid=uuid4(),
            domain_name=f"g-{n:06}-x",
            tenant=tenants[n % 8],
            host=hosts[n % 4],
            vcpus=2,
            memory_mib=1024,
            disk_gib=10,
            state=states[n % 4],
            tags=["prod", f"rack-{n % 16}"],
            addresses=[f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"],
            observed_at=now,
            cpu_percent=n % 100,
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


# -- outside ------------------------------------------------------------------------------------------------------------------------
def manage(env: dict[str, str], *args: str) -> str:
    done = subprocess.run([sys.executable, str(PROJECT / "manage.py"), *args], env=env, check=True, capture_output=True, text=True)
    return done.stdout


@contextmanager
def server(env: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Its port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = (
        "-m",
        "uvicorn",
        "kvmweb.asgi:application",
        "--port",
        str(port),
        "--lifespan",
        "off",
        "--no-access-log",
        "--log-level",
        "warning",
    )
    process = subprocess.Popen([sys.executable, *command], cwd=PROJECT, env=env)
    try:
        wait_until_up(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def wait_until_up(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("uvicorn did not start.")


@contextmanager
def others_connected(folder: Path) -> Iterator[None]:
    """As worker and watcher are in the product: SQLite folds its log into the database whenever the last connection closes."""
    file = folder / "db.sqlite3"
    if not file.exists():
        yield
        return
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("SELECT count(*) FROM django_migrations").fetchone()
        yield


@dataclass(frozen=True)
class Measured:
    p50_ms: float
    p95_ms: float
    cpu_ms: float


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(port: int, pid: int, path: str, *, headers: dict[str, str], rounds: int) -> Measured:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times, cpu_before = [], 0.0
    for number in range(rounds + 10):
        if number == 10:
            cpu_before = cpu_seconds(pid)
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}.")
        if number >= 10:
            times.append((time.perf_counter() - began) * 1000)
    connection.close()
    times.sort()
    return Measured(statistics.median(times), times[int(len(times) * 0.95)], (cpu_seconds(pid) - cpu_before) / rounds * 1000)


def last_page_of(port: int, path: str, headers: dict[str, str]) -> str:
    """The page before the end: followed backwards from the opposite ordering, so that no offset can hide in it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    following = json.load(connection.getresponse())["next"]
    parts = urlsplit(following or path)
    return f"{parts.path}?{parts.query}"


def run(size: int, rounds: int) -> dict[str, Measured]:
    with tempfile.TemporaryDirectory(prefix="kvmweb-bench-") as folder:
        env = {**os.environ, "KVMWEB_DATA_DIR": folder, "KVMWEB_LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "kvmweb.settings"}
        Path(folder, "run").mkdir()
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "collectstatic", "--noinput", "--verbosity", "0")
        filled = subprocess.run([sys.executable, __file__, "--fill", str(size)], env=env, check=True, capture_output=True, text=True)
        login = json.loads(filled.stdout.splitlines()[-1])
        with others_connected(Path(folder)), server(env) as (port, pid):
            results = {}
            for name, path in PATHS.items():
                headers = {"Cookie": login["Cookie"]} if name == "page" else {"Authorization": login["Authorization"]}
                wanted = last_page_of(port, path, headers) if name == "REST, last page" else path
                results[name] = measure(port, pid, wanted, headers=headers, rounds=rounds)
            return results


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--sizes", default="10,1000,10000")
    arguments.add_argument("--fill", type=int, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.fill is not None:
        fill(chosen.fill)
        return 0
    sizes = [int(size) for size in chosen.sizes.split(",")]
    measured = {size: run(size, chosen.rounds) for size in sizes}
    print(f"{'':18} {'guests':>7} {'p50 ms':>8} {'p95 ms':>8} {'cpu ms':>8} {'/healthz':>9} {f'/{sizes[0]} guests':>11}")
    missed = []
    for name in PATHS:
        for size in sizes:
            found = measured[size][name]
            to_trivial, to_small = found.p50_ms / measured[size]["healthz"].p50_ms, found.p50_ms / measured[sizes[0]][name].p50_ms
            print(f"{name:18} {size:7} {found.p50_ms:8.2f} {found.p95_ms:8.2f} {found.cpu_ms:8.2f} {to_trivial:9.1f} {to_small:11.2f}")
            if name != "healthz" and (found.p50_ms > P50_MS or found.p95_ms > P95_MS):
                missed.append(f"{name} with {size} guests: p50 {found.p50_ms:.1f} ms, p95 {found.p95_ms:.1f} ms")
    print(f"Targets: p50 <= {P50_MS} ms, p95 <= {P95_MS} ms. " + (f"Missed: {'; '.join(missed)}." if missed else "All met."))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
