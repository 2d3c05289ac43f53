"""Fifty people create a guest at the same moment where ten more fit: exactly ten get one, every round, on both databases.

    .venv/bin/python benchmarks/quota_race.py postgres --rounds 20
    .venv/bin/python benchmarks/quota_race.py sqlite --rounds 10
    .venv/bin/python benchmarks/quota_race.py postgres --http
    .venv/bin/python benchmarks/quota_race.py postgres --without-lock     # what the lock is for: this one fails

In threads of this process, each with its own database connection and REST client, behind a barrier. With --http: the product's own web
process behind real sockets, which works on as many requests at a time as it has threads. PostgreSQL is a private cluster on a socket.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
Ask = Callable[[int, int], tuple[int, str]]


@contextmanager
def postgres() -> Iterator[str]:
    """A private cluster; its URL. It refuses to run as root."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="kq-") as folder:
        Path(folder).chmod(0o711)
        home = Path(folder) / "pg"
        home.mkdir()
        if user:
            subprocess.run(["chown", "postgres:", home], check=True)
        run = lambda *command: subprocess.run([*user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")  # noqa: E731
        run(programs / "initdb", "-D", home / "data", "-U", "kvmweb", "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories='{home}' -c max_connections=200"
        run(programs / "pg_ctl", "-D", home / "data", "-l", home / "log", "-w", "-s", "start", "-o", options)
        try:
            yield f"postgres://kvmweb@/{home}/postgres"
        finally:
            run(programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "-s", "stop")


# -- the installation ---------------------------------------------------------------------------------------------------------------------
def make_world() -> str:
    """One tenant with a member, one large host of the fake kind, one image. Returns a token's key."""
    from hosts.models import Host
    from networks.models import Network
    from storage.models import Image, Pool
    from tenants.models import ApiToken, Membership, Quota, Tenant, User

    tenant = Tenant.objects.create(name="acme")
    user = User.objects.create_user("mia")
    Membership.objects.create(tenant=tenant, user=user, role="member")
    Quota.objects.create(tenant=tenant, guests=0)
    much = 10**6
    host = Host.objects.create(
        name="h1", kind="unix", socket_path="/fake/race", state="up", cpus=much, memory_mib=much, memory_free_mib=much
    )
    Pool.objects.create(host=host, name="default", path="/x", is_active=True, is_default=True, capacity_bytes=2**60, available_bytes=2**60)
    Network.objects.create(host=host, name="default", is_active=True, is_default=True)
    Image.objects.create(name="micro", kind="disk", state="ready", format="qcow2", virtual_size_bytes=2**26, size_bytes=4096, file_name="x")
    return str(ApiToken.objects.create(user=user, name="race", scope="operate")[1])


def new_round(limit: int) -> None:
    """Room for exactly `limit` more, after a number of guests that grows with every round."""
    from guests.models import Guest
    from tenants.models import Quota

    Quota.objects.update(guests=Guest.objects.count() + limit)


def body_of(number: int, index: int, image: str) -> dict[str, Any]:
    return {"name": f"r{number}-{index}", "source": {"image": image}, "memory_mib": 128}


def in_process(key: str) -> Ask:
    from django.db import connections
    from rest_framework.test import APIClient

    from storage.models import Image

    image = str(Image.objects.get().pk)

    def ask(number: int, index: int) -> tuple[int, str]:
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        try:
            answer = client.post("/api/v1/guests/", body_of(number, index, image), format="json")
            return answer.status_code, "" if answer.status_code == 202 else str(answer.json()["error"]["code"])
        finally:
            connections.close_all()

    return ask


def over_http(key: str, url: str) -> Ask:
    import json
    import urllib.error
    import urllib.request

    from storage.models import Image

    image = str(Image.objects.get().pk)

    def ask(number: int, index: int) -> tuple[int, str]:
        headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        body = json.dumps(body_of(number, index, image)).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1/guests/", body, headers), timeout=120) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as error:
            return error.code, str(json.load(error)["error"]["code"])

    return ask


# -- the race -----------------------------------------------------------------------------------------------------------------------------
def race(ask: Ask, number: int, people: int) -> tuple[list[tuple[int, str]], float]:
    barrier = Barrier(people)
    answers: list[tuple[int, str]] = [(0, "no answer")] * people
    began = [0.0] * people

    def run(index: int) -> None:
        barrier.wait()
        began[index] = time.perf_counter()
        try:
            answers[index] = ask(number, index)
        except Exception as error:
            answers[index] = (0, repr(error))

    threads = [Thread(target=run, args=(index,)) for index in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, time.perf_counter() - min(began)


def main() -> int:
    options = arguments()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kq-data-"))
        database = stack.enter_context(postgres()) if options.database == "postgres" else f"sqlite:///{folder}/race.sqlite3"
        os.environ.update(
            DATABASE_URL=database, KVMWEB_DATA_DIR=folder, DJANGO_SETTINGS_MODULE="kvmweb.settings.test", KVMWEB_LOG_LEVEL="ERROR"
        )
        url = ""
        if options.http:
            from small_product import small_product

            product = stack.enter_context(small_product(DATABASE_URL=database, KVMWEB_HYPERVISOR_CONNECTOR="hypervisor.fake.connect"))
            url = product.url
        import django

        django.setup()
        logging.disable(logging.WARNING)  # a line per refusal
        if options.without_lock:
            from tenants.quota import counting

            counting.hold = lambda tenant: None
        from django.core.management import call_command

        call_command("migrate", verbosity=0, skip_checks=True)
        key = make_world()
        return report(options, over_http(key, url) if options.http else in_process(key))


def report(options: argparse.Namespace, ask: Ask) -> int:
    from guests.models import Guest
    from jobs.models import Job

    answers: Counter[tuple[int, str]] = Counter()
    wrong, seconds = [], []
    for number in range(options.rounds):
        before = Guest.objects.count()
        new_round(options.limit)
        got, took_s = race(ask, number, options.people)
        answers.update(got)
        seconds.append(took_s)
        made = Guest.objects.count() - before
        if made != options.limit or sum(status == 202 for status, _ in got) != options.limit:
            wrong.append((number, made))
    for (status, code), count in sorted(answers.items()):
        print(f"{count:6} x {status} {code}")
    where = f"{options.database}{' over HTTP' if options.http else ''}"
    total = options.rounds * options.people
    print(f"{where}: {options.rounds} rounds of {options.people} creates with room for {options.limit} (n = {total})")
    print(
        f"rounds that did not make exactly {options.limit}: {wrong or 'none'}; guests {Guest.objects.count()}, jobs {Job.objects.count()}"
    )
    print(f"a round took {min(seconds):.2f} to {max(seconds):.2f} s")
    return 1 if wrong or set(answers) != {(202, ""), (409, "quota_exceeded")} else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", choices=["postgres", "sqlite"])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--without-lock", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
