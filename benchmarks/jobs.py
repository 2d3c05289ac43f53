"""From a click to its answer, and from a click to a running guest: what the job machinery adds to libvirt's own time.

    python benchmarks/jobs.py [--kind local|test] [--rounds 30] [--postgres]

The product (redis, web, one worker) runs on a database of its own against this machine's libvirtd; a diskless guest of its own is started
through the REST API and, for the baseline of the same run, straight through the connector. Budget: a click is answered within 20 ms
(median), also with redis stopped, and the job adds at most 50 ms to libvirt's start.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from benchmarks.small_product import ROOT, SmallProduct, small_product
from benchmarks.web import conclude
from hypervisor.errors import NotFoundOnHost
from hypervisor.libvirt.sessions import connect
from hypervisor.observed import PowerState
from hypervisor.port import Host
from hypervisor.specs import GuestSpec, HostAddress

ANSWER_MS, ADDED_MS = 20, 50
SOCKET = os.environ.get("KVMWEB_LIBVIRT_SOCKET", "/run/libvirt/libvirt-sock")
ROWS = """
from uuid import UUID
from guests.models import Guest; from hosts.models import Host; from tenants.models import ApiToken, Tenant, User
host = Host.objects.create(name="bench", kind={kind!r}, socket_path={socket!r}, state="up", acceleration="qemu", memory_mib=65536,
    memory_free_mib=65536)
guest = Guest.objects.create(name="jobs-bench", domain_name={name!r}, uuid=UUID({uuid!r}), tenant=Tenant.objects.create(name="bench"),
    host=host, vcpus=1, memory_mib=64, state="shutoff")
user = User.objects.create_superuser("bench", password="bench bench bench")
print(guest.pk, ApiToken.objects.create(user=user, name="bench", scope="admin")[1])
"""
OFF = "UPDATE guests_guest SET state = 'shutoff', desired_state = 'shutoff'"
NO_JOBS = "UPDATE jobs_job SET state = 'cancelled' WHERE state <> 'succeeded'"


class Client:
    def __init__(self, product: SmallProduct, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", product.port)
        self.headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str) -> tuple[int, Any]:
        try:
            answer = self._ask(method, path)
        except http.client.RemoteDisconnected:
            # The server closes a connection that was idle for some seconds.
            answer = self._ask(method, path)
        return answer.status, json.loads(answer.read())

    def _ask(self, method: str, path: str) -> http.client.HTTPResponse:
        self.connection.request(method, f"/api/v1/{path}", body="{}" if method == "POST" else None, headers=self.headers)
        return self.connection.getresponse()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=["local", "test"], default="local")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    uuid = uuid4()
    name = f"jobs-bench-{uuid.hex[:8]}"
    address = HostAddress(options.kind, SOCKET if options.kind == "test" else "")
    host = connect(address)
    host.define_guest(GuestSpec(uuid=uuid, name=name, title=name, vcpus=1, memory_mib=64, acceleration="qemu"))
    try:
        direct = [start_directly(host, uuid) for _ in range(options.rounds)]
        with ExitStack() as stack:
            product = stack.enter_context(small_product(postgres=options.postgres))
            worker(stack, product)
            guest_id, token = product.python(ROWS.format(kind=options.kind, socket=address.socket_path, name=name, uuid=str(uuid))).split()
            client = Client(product, token)
            start_by_click(client, product, host, uuid, guest_id)
            nothing = [ask(client) for _ in range(options.rounds)]
            clicks, whole = zip(*(start_by_click(client, product, host, uuid, guest_id) for _ in range(options.rounds)), strict=True)
            without_redis = click_without_redis(client, product, host, uuid, guest_id, rounds=options.rounds)
    finally:
        force_off(host, uuid)
        host.undefine_guest(uuid)
        host.close()
    return report(direct, nothing, list(clicks), list(whole), without_redis, postgres=options.postgres)


def worker(stack: ExitStack, product: SmallProduct) -> None:
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    log = stack.enter_context((product.data_dir / "log").open("ab"))
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "kvmweb", "worker", *quiet], cwd=ROOT, env=product.environment, stdout=log, stderr=log
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)


def start_directly(host: Host, uuid: UUID) -> float:
    started = time.perf_counter()
    host.start_guest(uuid)
    took = (time.perf_counter() - started) * 1000
    force_off(host, uuid)
    return took


def ask(client: Client) -> float:
    """A read that does next to nothing: what HTTP, the token and the machine's mood cost."""
    started = time.perf_counter()
    client.call("GET", "me/")
    return (time.perf_counter() - started) * 1000


def start_by_click(client: Client, product: SmallProduct, host: Host, uuid: UUID, guest_id: str) -> tuple[float, float]:
    """(click to answer, click to running on the host) in ms. Waiting for the state costs libvirt one cheap call per ms."""
    started = time.perf_counter()
    status, answer = client.call("POST", f"guests/{guest_id}/start/")
    answered = (time.perf_counter() - started) * 1000
    if status != 202:
        raise RuntimeError(f"{status}: {answer}")
    limit = time.perf_counter() + 30
    while (seen := host.guest_state(uuid)) is None or seen.power_state is not PowerState.RUNNING:
        if time.perf_counter() > limit:
            raise RuntimeError((product.data_dir / "log").read_text()[-3000:])
        time.sleep(0.001)
    running = (time.perf_counter() - started) * 1000
    while client.call("GET", f"jobs/{answer['job']['id']}/")[1]["state"] != "succeeded":
        time.sleep(0.005)
    force_off(host, uuid)
    change(product, OFF)
    return answered, running


def click_without_redis(client: Client, product: SmallProduct, host: Host, uuid: UUID, guest_id: str, *, rounds: int) -> list[float]:
    """Redis frozen. The jobs wait in the database; each is cancelled there so that the next click is accepted."""
    redis = next(int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split() if is_redis(pid))
    os.kill(redis, signal.SIGSTOP)
    try:
        took = []
        for _ in range(rounds):
            started = time.perf_counter()
            status, answer = client.call("POST", f"guests/{guest_id}/start/")
            took.append((time.perf_counter() - started) * 1000)
            if status != 202:
                raise RuntimeError(f"{status}: {answer}")
            change(product, NO_JOBS)
        return took
    finally:
        os.kill(redis, signal.SIGCONT)


def change(product: SmallProduct, statement: str) -> None:
    """Play the watcher straight in the database: a process of its own for it would cool the machine's caches before each click."""
    url = product.environment.get("DATABASE_URL", "")
    if url:
        folder = url.partition("@")[2].rpartition("/")[0]
        with psycopg.connect(f"host={folder} user=kvmweb dbname=postgres", autocommit=True) as connection:
            connection.execute(statement)
        return
    with closing(sqlite3.connect(product.data_dir / "db.sqlite3", timeout=20)) as database, database:
        database.execute(statement)


def is_redis(pid: str) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().strip() == "redis-server"


def force_off(host: Host, uuid: UUID) -> None:
    try:
        host.force_off_guest(uuid)
    except NotFoundOnHost:
        return


def report(
    direct: list[float], nothing: list[float], clicks: list[float], whole: list[float], without_redis: list[float], *, postgres: bool
) -> int:
    base, read, answer, end, frozen = (statistics.median(values) for values in (direct, nothing, clicks, whole, without_redis))
    added = end - base
    print(f"libvirt's own start            median {base:7.1f} ms  (n={len(direct)})")
    print(f"click to running guest         median {end:7.1f} ms  ratio {end / base:.2f}, adds {added:.1f} ms (budget {ADDED_MS})")
    print(f"GET me/                        median {read:7.1f} ms")
    print(f"click to answer                median {answer:7.1f} ms  ratio {answer / read:.2f} (budget {ANSWER_MS})")
    print(f"click to answer, redis frozen  median {frozen:7.1f} ms  slowest {max(without_redis):.0f} ms (budget {ANSWER_MS})")
    checks = {"click": (answer, ANSWER_MS), "click, redis frozen": (frozen, ANSWER_MS), "added to a start": (added, ADDED_MS)}
    return conclude(
        f"click answered within {ANSWER_MS} ms (median), job adds at most {ADDED_MS} ms, on {'PostgreSQL' if postgres else 'SQLite'}",
        f"click {answer:.1f} ms, with redis frozen {frozen:.1f} ms, job adds {added:.1f} ms",
        [f"{name}: {found:.1f} ms" for name, (found, most) in checks.items() if found > most],
    )


if __name__ == "__main__":
    raise SystemExit(main())
