"""Steps on files in the data folder: each writes who did it, sleeps as the job's args say, and can be found done by its file."""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.conf import settings

from jobs.workflow import JobContext, Step, StepResult, Workflow

NAMES = ("one", "two", "three")


def _file(context: JobContext, name: str) -> Path:
    folder = Path(settings.DATA_DIR) / "lab" / str(context.job_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _step(name: str) -> Step:
    def do(context: JobContext) -> StepResult:
        with _file(context, "doers").open("a") as doers:
            doers.write(f"{name} {os.getpid()} {os.getppid()}\n")
        sleeps = context.args.get("sleep_s", {}).get(name, 0)
        if context.args.get("is_deaf"):
            time.sleep(sleeps)
        else:
            context.sleep(sleeps)
        _file(context, name).write_text(str(os.getpid()))
        return {"pid": os.getpid()}

    def undo(context: JobContext) -> None:
        _file(context, name).unlink(missing_ok=True)

    return Step(name, f"Write {name}", do, undo, is_done=lambda context: _file(context, name).exists())


FILES = Workflow("lab.files", tuple(_step(name) for name in NAMES))
NOTHING = Workflow("lab.nothing", (Step("nothing", "Do nothing", lambda context: None),))
