"""What the benchmarks of pages and REST share: a filled database, one real uvicorn, a client on loopback, and the verdict at the end.

SQLite in a folder of its own, or a throwaway PostgreSQL. "cpu ms" is the server's own CPU time per request, which other work on the
machine disturbs less than the time a client sees.
"""

from __future__ import annotations

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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks.postgres import throwaway_postgres  # noqa: E402  (found by the line above)

Headers = dict[str, str]


@dataclass(frozen=True)
class Site:
    port: int
    pid: int
    people: dict[str, Headers]


@dataclass(frozen=True)
class Measured:
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    bytes: int


@contextmanager
def site(*rows: str, postgres: bool = False) -> Iterator[Site]:
    """`rows`: as `benchmarks/rows.py` takes them."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kb-web-"))
        env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        env |= {"KVMWEB_DATA_DIR": folder, "KVMWEB_LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "kvmweb.settings"}
        if postgres:
            env["DATABASE_URL"] = stack.enter_context(throwaway_postgres())
        Path(folder, "run").mkdir()
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "collectstatic", "--noinput", "--verbosity", "0")
        filled = subprocess.run([sys.executable, str(PROJECT / "benchmarks/rows.py"), *rows], env=env, capture_output=True, text=True)
        if filled.returncode:
            raise SystemExit(filled.stderr[-3000:])
        people = json.loads(filled.stdout.splitlines()[-1])
        stack.enter_context(others_connected(Path(folder)))
        port, pid = stack.enter_context(server(env))
        yield Site(port, pid, people)


def manage(env: Headers, *args: str) -> None:
    done = subprocess.run([sys.executable, str(PROJECT / "manage.py"), *args], env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])


@contextmanager
def server(env: Headers) -> Iterator[tuple[int, int]]:
    """Its port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--lifespan", "off", "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen([sys.executable, "-m", "uvicorn", "kvmweb.asgi:application", *options], cwd=PROJECT, env=env)
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


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(at: Site, path: str, *, who: str = "operator", rounds: int) -> Measured:
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=60)
    warm_up = min(10, rounds)
    times, cpu_before, length = [], 0.0, 0
    for number in range(rounds + warm_up):
        if number == warm_up:
            cpu_before = cpu_seconds(at.pid)
        began = time.perf_counter()
        connection.request("GET", path, headers=headers_of(at, path, who))
        answer = connection.getresponse()
        length = len(answer.read())
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status} to {who}.")
        if number >= warm_up:
            times.append((time.perf_counter() - began) * 1000)
    connection.close()
    return Measured(statistics.median(times), percentile(times, 0.95), (cpu_seconds(at.pid) - cpu_before) / rounds * 1000, length)


def headers_of(at: Site, path: str, who: str) -> Headers:
    """REST by token, pages by session, as scripts and browsers do."""
    name = "Authorization" if path.startswith("/api/") else "Cookie"
    return {name: at.people[who][name]}


def fetch(at: Site, path: str, *, who: str = "operator") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=60)
    connection.request("GET", path, headers=headers_of(at, path, who))
    content = connection.getresponse().read()
    connection.close()
    return content


def percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]


def conclude(target: str, measured: str, missed: Sequence[str]) -> int:
    """The last line of every benchmark, and its exit status."""
    for line in missed:
        print(f"missed: {line}")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"RESULT target: {target} | measured: {measured} | load: {load} | {'MISSED' if missed else 'MET'}")
    return 1 if missed else 0
