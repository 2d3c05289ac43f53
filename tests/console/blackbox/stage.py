"""An installation for black-box tests of the console: its own data folder, a stub broker, and either front end as a real process.

No Django in this process: `stage.ask(...)` goes to the stagehand. The benchmark uses it too.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.console.blackbox.stub_broker import Guest, StubBroker

PROJECT = Path(__file__).resolve().parents[3]
WEB = ("-m", "uvicorn", "kvmweb.asgi:application", "--lifespan", "off", "--ws-per-message-deflate", "false",
       "--ws-max-size", "1048576", "--log-level", "warning")  # fmt: skip
GATEWAY = ("manage.py", "console_gateway")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class FrontEnd:
    name: str
    port: int
    pid: int
    origin: str

    def connect(
        self,
        path: str,
        ticket: str | None,
        *,
        cookie: str = "",
        origin: str | None = "own",
        more_protocols: tuple[str, ...] = (),
        **options: Any,
    ) -> connect:
        protocols = ["binary"] if ticket is None else ["binary", f"ticket.{ticket}"]
        protocols += more_protocols
        headers = {"Cookie": cookie} if cookie else {}
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            subprotocols=protocols,
            origin=self.origin if origin == "own" else origin,
            additional_headers=headers,
            compression=None,
            max_size=None,
            open_timeout=20,
            **options,
        )


class Stage:
    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.web_port = free_port()
        origin = f"http://127.0.0.1:{self.web_port}"
        plain = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self._environment = plain | {
            "KVMWEB_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "kvmweb.settings",
            "KVMWEB_TRUSTED_ORIGINS": origin,
            "PYTHONPATH": str(PROJECT),
            "KVMWEB_CONSOLES_PER_USER": "10000",
            "KVMWEB_CONSOLES_PER_ADDRESS": "10000",
            "KVMWEB_CONSOLE_TICKETS_PER_USER": "10000",
        } | environment  # fmt: skip
        self._processes: list[subprocess.Popen[Any]] = []
        self._output("manage.py", "migrate", "--skip-checks", "-v0")
        secret_name = self._output(
            "-c", "import django; django.setup(); from django.conf import settings; print(settings.SESSION_COOKIE_NAME)"
        )
        self.cookie_name = secret_name.strip()
        self._run_program("redis-server", "--port", "0", "--unixsocket", str(folder / "redis.sock"), "--save", "", "--loglevel", "warning")
        self.broker = StubBroker(folder / "console.sock")
        self._stagehand = self._run("-m", "tests.console.blackbox.stagehand", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _run(self, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        return self._run_program(sys.executable, *arguments, **options)

    def _run_program(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        process = subprocess.Popen(command, cwd=PROJECT, env=self._environment, **options)
        self._processes.append(process)
        return process

    def _output(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments], cwd=PROJECT, env=self._environment, check=True, capture_output=True, text=True
        ).stdout

    def ask(self, do: str, **arguments: Any) -> Any:
        self._stagehand.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._stagehand.stdin.flush()
        answer = json.loads(self._stagehand.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def start_web(self, *options: str) -> FrontEnd:
        process = self._run(*WEB, "--port", str(self.web_port), *options)
        return self._started("web", process, self.web_port)

    def start_gateway(self) -> FrontEnd:
        port = free_port()
        process = self._run(*GATEWAY, "--port", str(port))
        return self._started("gateway", process, port)

    def _started(self, name: str, process: subprocess.Popen[Any], port: int) -> FrontEnd:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return FrontEnd(name, port, process.pid, f"http://127.0.0.1:{self.web_port}")
        raise RuntimeError(f"The {name} did not start.")

    def close(self) -> None:
        self.broker.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


class Scene:
    """One guest with one member of its tenant, who is logged in, on one front end."""

    def __init__(self, stage: Stage, front: FrontEnd, guest: Guest | None = None, *, kind: str = "vnc", role: str = "member") -> None:
        self.stage = stage
        self.front = front
        self.kind = kind
        self.tenant = stage.ask("make_tenant")["tenant"]
        self.user = stage.ask("make_user", tenant=self.tenant, role=role)["user"]
        self.session_key = stage.ask("log_in", user=self.user)["session_key"]
        made = stage.ask("make_guest", tenant=self.tenant)
        self.guest, self.uuid = made["guest"], made["uuid"]
        if guest is not None:
            stage.broker.plug(self.uuid, guest)

    @property
    def cookie(self) -> str:
        return f"{self.stage.cookie_name}={self.session_key}"

    @property
    def path(self) -> str:
        return f"/ws/console/{self.kind}/{self.guest}/"

    def ticket(self, *, mode: str = "control", **login: str) -> str:
        login = login or {"session_key": self.session_key}
        return str(self.stage.ask("ticket", user=self.user, guest=self.guest, kind=self.kind, mode=mode, **login)["ticket"])

    def open(self, *, mode: str = "control", **options: Any) -> connect:
        return self.front.connect(self.path, self.ticket(mode=mode), cookie=self.cookie, **options)


async def close_of(connection: ClientConnection, within_s: float = 6.0) -> tuple[int, str]:
    """Reads on until the server closes; its code and reason."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(within_s):
            while True:
                await connection.recv()
    return connection.close_code or 0, connection.close_reason or ""
