"""The processes a benchmark of live data needs, on a database of its own: redis, the web process and the watcher. No worker, no console."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.postgres import throwaway_postgres

ROOT = Path(__file__).parents[1]


@dataclass
class SmallProduct:
    data_dir: Path
    port: int
    environment: dict[str, str]
    watcher: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def python(self, code: str) -> str:
        """Run code with Django set up; what it prints."""
        set_up = "import django; django.setup()\n"
        done = subprocess.run(
            [sys.executable, "-c", set_up + code], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout.strip()


@contextmanager
def small_product(*, postgres: bool = False, **settings: str) -> Iterator[SmallProduct]:
    """Started and migrated, with `settings` in the environment; the watcher runs only after `start_watcher`. Ends with the block."""
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kb-", ignore_cleanup_errors=True)))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        ours = {"KVMWEB_DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "kvmweb.settings", "KVMWEB_LOG_LEVEL": "WARNING"}
        environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")} | ours | settings
        if postgres:
            environment["DATABASE_URL"] = stack.enter_context(throwaway_postgres())
        product = SmallProduct(data_dir, port, environment)
        _spawn(
            stack, product, ["redis-server", "--port", "0", "--unixsocket", f"{data_dir}/redis.sock", "--save", "", "--dir", str(data_dir)]
        )
        product.python("from django.core.management import call_command as c; c('migrate', verbosity=0, skip_checks=True)")
        product.python("from django.core.management import call_command as c; c('collectstatic', verbosity=0, interactive=False)")
        web = [sys.executable, "-m", "uvicorn", "kvmweb.asgi:application", "--lifespan", "off", "--port", str(port), "--no-access-log"]
        _spawn(stack, product, [*web, "--ws-per-message-deflate", "false"])
        _wait_for_web(product)
        product.start_watcher = lambda: _spawn(stack, product, [sys.executable, "manage.py", "watch_hosts"])  # type: ignore[attr-defined]
        yield product


def _spawn(stack: ExitStack, product: SmallProduct, command: list[str]) -> subprocess.Popen[bytes]:
    log = stack.enter_context((product.data_dir / "log").open("ab"))
    process = subprocess.Popen(command, cwd=ROOT, env=product.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _wait_for_web(product: SmallProduct) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            urllib.request.urlopen(f"{product.url}/login/", timeout=2)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError((product.data_dir / "log").read_text()[-3000:])
