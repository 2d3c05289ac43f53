"""Running a recipe of `storage.recipes` as a child process: its JSON lines become the job's progress and log."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs.workflow import JobContext
from kvmweb.errors import Conflict
from storage.steps.children import SafeChild

LONGEST_BUILD_S = 3600


def run_recipe(context: JobContext, recipe: str, output: Path, *, cache: Path) -> None:
    """Raises Conflict with the recipe's own sentence when it fails. Cancelling ends it; it then removes what it made."""
    command = [sys.executable, "-m", f"storage.recipes.{recipe}", "--output", str(output), "--cache", str(cache)]
    began, pending = time.monotonic(), b""
    last: dict[str, Any] = {}
    with SafeChild(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=settings.BASE_DIR) as child:
        while True:
            is_over = child.process.poll() is not None
            received = child.read_some(0.5)
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                last = _told(context, line) or last
            context.check()
            if is_over and not received:
                break
            if time.monotonic() - began > LONGEST_BUILD_S:
                raise Conflict("The build took longer than an hour.", hint="Look at the server's network and disk, then retry.")
    if child.process.returncode != 0:
        reason = str(last.get("error") or f"the recipe ended with status {child.process.returncode}")
        raise Conflict(f"The image could not be built: {reason}", hint="Repair that, then retry.")


def _told(context: JobContext, line: bytes) -> dict[str, Any]:
    """One line of the recipe; what is not JSON is not for us."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    if "percent" in told:
        context.log(str(told.get("step", ""))[:200])
        context.progress(float(told["percent"]) / 100)
    return told
