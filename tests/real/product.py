"""The whole product as a user starts it: `script/server` with its own data folder and port, driven from outside only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a password of the tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, check: Any, *, timeout_s: float = 60, interval_s: float = 0.2) -> Any:
    """The first true answer of `check()`; an AssertionError that says what was waited for otherwise."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s:g} s"
        time.sleep(interval_s)


@dataclass
class Product:
    data_dir: Path
    port: int
    process: subprocess.Popen[bytes]
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def start(cls, data_dir: Path, port: int | None = None, **environment: str) -> Product:
        port = port or free_port()
        env = cls.environment(data_dir, port) | environment
        data_dir.mkdir(parents=True, exist_ok=True)
        with (data_dir / "server.out").open("ab") as out:
            process = subprocess.Popen(
                [ROOT / "script" / "server"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        product = cls(data_dir, port, process)
        wait_for("the product's /readyz", product.is_ready, timeout_s=420, interval_s=0.5)
        product.token = product.manage("create_token", "admin", "--scope", "admin", "--name", "tests").strip()
        return product

    @staticmethod
    def environment(data_dir: Path, port: int) -> dict[str, str]:
        ours = {"KVMWEB_DATA_DIR": str(data_dir), "KVMWEB_PORT": str(port), "KVMWEB_ADMIN_PASSWORD": PASSWORD}
        foreign = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL")
        return {name: value for name, value in os.environ.items() if name not in foreign} | ours

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"script/server ended with {self.process.returncode}:\n{self.output()[-4000:]}")
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def output(self) -> str:
        return (self.data_dir / "server.out").read_text(errors="replace")

    def manage(self, *arguments: str) -> str:
        result = subprocess.run(
            [str(ROOT / ".venv/bin/python"), "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(self.data_dir, self.port),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, JSON) of a request with the admin's token."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def job_end(self, job_id: str, *, timeout_s: float = 60) -> dict[str, Any]:
        def ended() -> Any:
            _, job = self.api("GET", f"jobs/{job_id}/")
            return job if job["state"] in ("succeeded", "failed", "cancelled", "needs_attention") else None

        return dict(wait_for(f"the end of job {job_id}", ended, timeout_s=timeout_s))

    def micro_image(self) -> dict[str, Any]:
        _, answer = self.api("GET", "images/")
        return next(image for image in answer["results"] if image["name"] == "micro")

    def local_host(self) -> str:
        """The id of this machine's host: where tests look with virsh, whatever other hosts the product knows by now."""
        _, answer = self.api("GET", "hosts/")
        return str(next(host["id"] for host in answer["results"] if host["kind"] == "local"))

    def create_micro(self, name: str, **fields: Any) -> dict[str, Any]:
        fields.setdefault("host", self.local_host())
        body = {"name": name, "source": {"image": self.micro_image()["id"]}, "vcpus": 1, "memory_mib": 256, "disk_gib": 1, **fields}
        status, answer = self.api("POST", "guests/", body)
        assert status == 202, answer
        job = self.job_end(answer["job"]["id"])
        assert job["state"] == "succeeded", job
        _, guest = self.api("GET", f"guests/{answer['guests'][0]['id']}/")
        return dict(guest)

    def delete_guest(self, guest: dict[str, Any]) -> None:
        status, answer = self.api("DELETE", f"guests/{guest['id']}/", {"delete_disks": True, "confirm_name": guest["name"]})
        assert status == 202, answer
        assert self.job_end(answer["job"]["id"])["state"] == "succeeded"

    def stop(self) -> float:
        """SIGTERM; the seconds it took."""
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        return time.monotonic() - started

    def clean_up(self) -> None:
        """Delete every guest and image copy this product made, then stop it."""
        try:
            _, answer = self.api("GET", "guests/?page_size=200")
            for guest in answer["results"]:
                wait_for("the guest's job", lambda guest=guest: self.api("GET", f"guests/{guest['id']}/")[1].get("active_job") is None)
                self.delete_guest(guest)
            _, answer = self.api("GET", "images/")
            for image in answer["results"]:
                self.api("DELETE", f"images/{image['id']}/")
            _, jobs = self.api("GET", "jobs/?page_size=20")
            for job in jobs["results"]:
                self.job_end(job["id"])
        finally:
            self.stop()
