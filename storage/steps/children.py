"""Child processes of steps: they end when the step does, whatever ends it, and when the worker is killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

TERM_GRACE_S = 20
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")
"""Of our environment a child gets this only: the rest may hold secrets."""


class SafeChild:
    """`with SafeChild(command, stdout=PIPE) as child:` in a process group of its own, given SIGTERM, then SIGKILL, at the end."""

    def __init__(self, command: Sequence[str], *, stdout: int, stderr: IO[bytes] | int, cwd: Path | None = None) -> None:
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        # A killed worker runs no code: the kernel ends the child then.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env={"LC_ALL": "C.UTF-8", **environment},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(TERM_GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def read_some(self, timeout_s: float) -> bytes:
        """What the child wrote, waiting up to `timeout_s` for the first byte; empty at its end too."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], timeout_s)
        return os.read(self.process.stdout.fileno(), 65536) if ready else b""
