"""Runs the product's processes on one machine: a private redis first, then web, worker, beat, watcher and console broker.

Restarts what dies with growing pauses, prefixes and keeps the logs, and leaves nothing behind when it ends. Standard
library only and no Django, so that it starts at once and stays small. What must exist before (packages, database,
libvirt) is script/server's business.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).resolve().parent.parent
STOP_PATIENCE_S = 5.0
REDIS_STOP_PATIENCE_S = 2.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 20.0
LOG_LIMIT_BYTES = 5 * 1024 * 1024
# The kernel's limit for a unix socket's path is 107 bytes; the longest of ours is "<data dir>/console.sock".
DATA_DIR_LIMIT_BYTES = 90
COLOURS = (36, 32, 33, 35, 34, 31)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class CannotStart(Exception):
    """The message says what is in the way and what to do about it."""


@dataclass(frozen=True)
class Place:
    """Where this instance lives, from the environment."""

    data_dir: Path
    bind: str
    port: int
    redis_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Place:
        port = env.get("KVMWEB_PORT") or "8000"
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise CannotStart(f"KVMWEB_PORT is {port!r}; it must be a number from 1 to 65535.")
        data_dir = Path(env.get("KVMWEB_DATA_DIR") or PROJECT / "data").absolute()
        if len(os.fsencode(data_dir)) > DATA_DIR_LIMIT_BYTES:
            raise CannotStart(
                f"KVMWEB_DATA_DIR is longer than {DATA_DIR_LIMIT_BYTES} bytes, too long for unix sockets in it. Choose a shorter path."
            )
        return cls(data_dir, env.get("KVMWEB_BIND") or "127.0.0.1", int(port), env.get("REDIS_URL", ""))

    @property
    def url(self) -> str:
        host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname(), "127.0.0.1": "localhost"}.get(self.bind, self.bind)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def local_url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"


@dataclass(frozen=True)
class Program:
    """One supervised process. `ready_socket`: a unix socket that must accept before the others start."""

    name: str
    command: tuple[str, ...]
    ready_socket: Path | None = None


def programs(place: Place) -> list[Program]:
    """What to run, in order of starting."""
    data, python = place.data_dir, sys.executable
    chosen = [] if place.redis_url else [_redis(data)]
    # Celery warns at every start as root; libvirt's system connection is root's in many installations, so that is no news.
    celery = (python, "-W", "ignore:You're running the worker with superuser", "-m", "celery", "--quiet", "-A", "kvmweb")
    private_libvirt = os.environ.get("KVMWEB_PRIVATE_LIBVIRTD", "")
    if private_libvirt:
        # It logs each call the test driver lacks as an error of its own; callers hear of them anyway.
        logs = f"LIBVIRT_LOG_OUTPUTS=4:file:{data}/logs/libvirtd-calls.log"
        chosen.append(Program("libvirtd", ("env", logs, private_libvirt), Path(os.environ["KVMWEB_LIBVIRT_SOCKET"])))
    return [
        *chosen,
        Program("web", (python, "-m", "uvicorn", "kvmweb.asgi:application", "--host", place.bind, "--port", str(place.port),
                        "--lifespan", "off", "--ws-per-message-deflate", "false", "--ws-max-size", "1048576",
                        "--no-access-log", "--no-server-header", "--no-proxy-headers", "--log-level", "warning",
                        "--timeout-graceful-shutdown", "3")),
        Program("worker", (*celery, "worker", "--loglevel", "WARNING",
                           "--without-gossip", "--without-mingle", "--without-heartbeat")),
        Program("beat", (*celery, "beat", "--loglevel", "WARNING", "--pidfile=")),
        Program("watcher", (python, str(PROJECT / "manage.py"), "watch_hosts")),
        Program("broker", (python, "-m", "hypervisor.libvirt.broker", "--socket", str(data / "console.sock"))),
    ]  # fmt: skip


def _redis(data: Path) -> Program:
    server = shutil.which("redis-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/bin")
    if server is None:
        raise CannotStart("redis-server is not installed. Run: apt-get install redis-server, or set REDIS_URL to a redis of yours.")
    folder = private_folder(data / "redis")
    options = ("--port", "0", "--unixsocket", str(data / "redis.sock"), "--unixsocketperm", "700", "--dir", str(folder),
               "--save", "60 1", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning", "--maxmemory-policy", "noeviction",
               "--databases", "1")  # fmt: skip
    return Program("redis", (server, *options), data / "redis.sock")


def private_folder(path: Path) -> Path:
    """Other users of this machine have no business in it: what is in there names people and what they did."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):
        path.chmod(0o700)
    return path


def claim(data_dir: Path) -> IO[str]:
    """Hold the data folder for this process; the lock goes with the process, however it ends."""
    run = private_folder(data_dir / "run")
    lock = (run / "supervisor.pid").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise CannotStart(
            f"kvmweb already runs on {data_dir} (process {lock.read().strip() or 'unknown'}). "
            "Stop it first, or set KVMWEB_DATA_DIR to another folder."
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def require_free_port(place: Place) -> None:
    family = socket.AF_INET6 if ":" in place.bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.bind, place.port))
            probe.listen(1)
        except OSError as problem:
            raise CannotStart(_why_no_port(place, problem)) from problem


def _why_no_port(place: Place, problem: OSError) -> str:
    if problem.errno == errno.EADDRINUSE:
        other = f"KVMWEB_PORT={place.port + 1} script/server"
        return f"Port {place.port} on {place.bind} is taken by another program. Stop it, or choose another: {other}"
    if problem.errno == errno.EACCES:
        return f"Port {place.port} needs root. Choose one above 1023: KVMWEB_PORT=8000 script/server"
    return f"Cannot listen on {place.bind}:{place.port}: {problem.strerror}. Set KVMWEB_BIND to an address of this machine."


class Journal:
    """Prefixed lines on stdout, and each program's own file under `logs/`, moved to `.1` when it grows too long."""

    def __init__(self, folder: Path, *, names: list[str]) -> None:
        self.folder = private_folder(folder)
        self.width = max(len(name) for name in names)
        self.colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)} if sys.stdout.isatty() else {}

    def write(self, name: str, line: str, *, is_kept: bool = True) -> None:
        """Not kept: for the terminal alone, not for the file."""
        prefix = f"{name:<{self.width}} |"
        if name in self.colours:
            prefix = f"\033[{self.colours[name]}m{prefix}\033[0m"
        # Whoever read our output may be gone; that must not stop the product.
        with suppress(OSError, ValueError):
            print(f"{prefix} {line}", flush=True)
        if not is_kept:
            return
        path = self.folder / f"{name}.log"
        with suppress(OSError):
            if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
                path.replace(path.with_suffix(".log.1"))
            with path.open("a") as file:
                file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}\n")


class Supervisor:
    def __init__(self, place: Place, chosen: list[Program]) -> None:
        self.place = place
        self.programs = chosen
        self.journal = Journal(place.data_dir / "logs", names=[*(program.name for program in chosen), "kvmweb"])
        self.children: dict[str, asyncio.subprocess.Process] = {}
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)
        # Orphans of our children come to us instead of init, so that none survives the end.
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        keepers = []
        for program in self.programs:
            keepers.append(asyncio.create_task(self._keep(program)))
            if program.ready_socket is not None:
                await self._wait_for(program.ready_socket)
        helpers = [asyncio.create_task(self._announce()), asyncio.create_task(self._reap_orphans())]
        await self.stopping.wait()
        self.journal.write("kvmweb", "stopping")
        await self._stop_all()
        for task in (*keepers, *helpers):
            task.cancel()
        await asyncio.gather(*keepers, *helpers, return_exceptions=True)
        self.journal.write("kvmweb", "stopped; guests keep running")

    def _on_signal(self) -> None:
        if self.stopping.is_set():
            for child in self.children.values():
                signal_group(child, signal.SIGKILL)
        self.stopping.set()

    async def _keep(self, program: Program) -> None:
        pause_s = FIRST_PAUSE_S
        while not self.stopping.is_set():
            started = time.monotonic()
            try:
                status = await self._run_once(program)
            except OSError as problem:
                status, reason = -1, f"could not be started: {problem.strerror}"
            else:
                reason = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            if self.stopping.is_set():
                return
            pause_s = FIRST_PAUSE_S if time.monotonic() - started > STEADY_AFTER_S else min(pause_s * 2, LONGEST_PAUSE_S)
            self.journal.write(program.name, f"{reason}; starting it again in {pause_s:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), pause_s)

    async def _run_once(self, program: Program) -> int:
        child = await asyncio.create_subprocess_exec(
            *program.command, cwd=PROJECT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, start_new_session=True, preexec_fn=_end_with_parent, limit=64 * 1024,
        )  # fmt: skip
        self.children[program.name] = child
        reader = asyncio.create_task(self._copy_lines(program.name, child.stdout))
        status = await child.wait()
        # Pool children of a killed worker would go on without it, and share the job with its successor.
        signal_group(child, signal.SIGKILL)
        with suppress(TimeoutError):
            await asyncio.wait_for(reader, 1.0)
        return status

    async def _copy_lines(self, name: str, stream: asyncio.StreamReader | None) -> None:
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:
                continue
            if not line:
                return
            self.journal.write(name, line.decode(errors="replace").rstrip())

    async def _wait_for(self, path: Path) -> None:
        while not self.stopping.is_set():
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    async def _announce(self) -> None:
        waiting_since = time.monotonic()
        while not await asyncio.to_thread(_answers, self.place.local_url + "readyz"):
            if time.monotonic() - waiting_since > 60:
                self.journal.write("kvmweb", f"not ready yet; what is missing: {self.place.local_url}readyz and {self.place.data_dir}/logs")
                waiting_since = time.monotonic()
            await asyncio.sleep(0.3 if time.monotonic() - waiting_since < 10 else 2)
        for line in ("", f"kvmweb is ready: {self.place.url}"):
            self.journal.write("kvmweb", line)
        for line in (*_greeting(self.place), ""):
            self.journal.write("kvmweb", line, is_kept=False)  # may tell the first password

    async def _reap_orphans(self) -> None:
        while True:
            await asyncio.sleep(5)
            ours = {child.pid for child in self.children.values()}
            for pid in set(_children_of(os.getpid())) - ours:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    async def _stop_all(self) -> None:
        last = [child for name, child in self.children.items() if name == "redis"]
        first = [child for name, child in self.children.items() if name != "redis"]
        await stop(first, patience_s=STOP_PATIENCE_S)
        await stop(last, patience_s=REDIS_STOP_PATIENCE_S)
        for pid in _descendants_of(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def stop(children: list[asyncio.subprocess.Process], *, patience_s: float) -> None:
    """Ask all at once, wait together, then end what is left with everything it started."""
    for child in children:
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
    if children:
        await asyncio.wait([asyncio.create_task(child.wait()) for child in children], timeout=patience_s)
    for child in children:
        signal_group(child, signal.SIGKILL)


def signal_group(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _end_with_parent() -> None:
    """Runs in the child before exec: SIGTERM it when the supervisor dies, even by SIGKILL."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _children_of(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, path.read_text().split())


def _descendants_of(pid: int) -> Iterator[int]:
    for child in list(_children_of(pid)):
        yield from _descendants_of(child)
        yield child


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  (our own address)
            return bool(answer.status == 200)
    except OSError:
        return False


def _greeting(place: Place) -> list[str]:
    lines = []
    password = place.data_dir / "secrets" / "admin_password"
    if not password.is_file():
        lines.append("Log in as admin.")
    else:
        lines.append(
            f"Log in as admin with the password {password.read_text().strip()} (kept in {password}; delete the file once you have it)"
        )
    if place.bind == "127.0.0.1":
        lines.append("Only this machine can reach it; for others: KVMWEB_BIND=0.0.0.0 script/server, better behind a proxy with TLS.")
    return [*lines, "Ctrl-C stops everything except the guests."]


def main() -> int:
    parser = argparse.ArgumentParser(description="Run kvmweb's processes until Ctrl-C or SIGTERM.")
    parser.add_argument("--check", action="store_true", help="only say whether it could start here: data folder and port free")
    options = parser.parse_args()
    try:
        place = Place.from_environment(os.environ)
        place.data_dir.mkdir(parents=True, exist_ok=True)
        lock = claim(place.data_dir)
        require_free_port(place)
        if options.check:
            lock.truncate(0)
            return 0
        os.environ["KVMWEB_DATA_DIR"] = str(place.data_dir)
        os.environ.pop("KVMWEB_ADMIN_PASSWORD", None)  # for the set-up only, and /proc shows environments
        # glibc gives threads arenas of their own, up to eight per CPU, and keeps what they once used.
        os.environ.setdefault("MALLOC_ARENA_MAX", "2")
        asyncio.run(Supervisor(place, programs(place)).run())
    except (CannotStart, OSError) as problem:
        print(f"kvmweb cannot start: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
