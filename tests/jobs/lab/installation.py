"""Starts and ends the processes of one small installation. Everything is ended by the pid it was started with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BASE = Path(__file__).resolve().parents[3]


class Installation:
    def __init__(self, folder: Path, *, workers: int = 3, database_url: str = "") -> None:
        self.folder = folder
        self.workers = workers
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.jobs.lab.settings",
            "KVMWEB_DATA_DIR": str(folder),
            "KVMWEB_WORKERS": str(workers),
            "REDIS_URL": f"unix://{folder}/redis.sock",
            "DATABASE_URL": database_url or f"sqlite:///{folder}/db.sqlite3",
            "PYTHONPATH": str(BASE),
        }
        (folder / "run").mkdir(exist_ok=True)

    def start(self) -> Installation:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0", "--skip-checks"], cwd=BASE, env=self.env, check=True)
        self.start_redis()
        self.start_worker()
        self.start_beat()
        self.until(lambda: (self.run("seen") or {}).get("worker"), "the worker is seen")
        return self

    def start_redis(self) -> None:
        options = ["--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--save", "", "--dir", str(self.folder)]
        self._spawn("redis", ["redis-server", *options])
        self.until(lambda: (self.folder / "redis.sock").exists(), "redis listens")

    def start_worker(self) -> None:
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        celery = [sys.executable, "-m", "celery", "-A", "kvmweb"]
        self._spawn("worker", [*celery, "worker", "--concurrency", str(self.workers), "--loglevel", "INFO", *quiet])

    def start_beat(self) -> None:
        pid_file = self.folder / "run" / "beat.pid"
        self._spawn("beat", [sys.executable, "-m", "celery", "-A", "kvmweb", "beat", "--loglevel", "INFO", "--pidfile", str(pid_file)])

    def stop(self, name: str, sig: int = signal.SIGTERM) -> None:
        process = self.processes.pop(name)
        if sig == signal.SIGKILL:
            for child in self.children(process.pid):
                os.kill(child, signal.SIGKILL)
        process.send_signal(sig)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            for child in self.children(process.pid):
                os.kill(child, signal.SIGKILL)
            process.kill()
            process.wait(10)

    def stop_all(self) -> None:
        for name in list(self.processes):
            self.stop(name)

    def children(self, pid: int) -> list[int]:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def run(self, command: str, **arguments: Any) -> Any:
        argv = [sys.executable, "-m", "tests.jobs.lab.commands", command, json.dumps(arguments)]
        done = subprocess.run(argv, cwd=BASE, env=self.env, check=True, stdout=subprocess.PIPE, timeout=120)
        return json.loads(done.stdout.splitlines()[-1])

    def doers(self, job_id: str) -> list[list[str]]:
        """Who did which step: [step, pid, parent's pid]."""
        file = self.folder / "lab" / job_id / "doers"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def until(self, is_so: Any, what: str, timeout_s: float = 20) -> None:
        end = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < end, f"Waited {timeout_s} s, but not: {what}"
            time.sleep(0.05)

    def _spawn(self, name: str, argv: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(argv, cwd=BASE, env=self.env, stdout=log, stderr=log)
