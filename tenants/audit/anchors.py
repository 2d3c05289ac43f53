"""Heads of the chain kept outside the database: a line in a file each, so that a cut-off end is found. Copy the file elsewhere too."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from tenants.audit import chain
from tenants.audit.verify import Anchor

LARGEST_BYTES = 4 * 1024 * 1024


def anchor_file() -> Path:
    return Path(settings.DATA_DIR) / "audit" / "anchors.jsonl"


def read(path: Path) -> list[Anchor]:
    """Raises ValueError naming the line that is no anchor."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            found.append(_anchor(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"Line {number} of {path} is not an anchor.") from error
    return found


def _anchor(value: dict[str, Any]) -> Anchor:
    return Anchor(seq=int(value["seq"]), hash=str(value["hash"]), at=str(value.get("at", "")))


def write() -> Anchor | None:
    """Keep the head, when it moved since the last line. Appends and syncs; the file is halved when it grows past some megabytes."""
    path, head, kept = anchor_file(), chain.head(), last()
    if head.seq == 0 or (kept is not None and kept.seq == head.seq):
        return None
    anchor = Anchor(head.seq, head.hash, timezone.now().isoformat(timespec="seconds"))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST_BYTES:
        _thin(path)
    with path.open("a") as file:
        file.write(json.dumps({"at": anchor.at, "seq": anchor.seq, "hash": anchor.hash}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return anchor


def last() -> Anchor | None:
    """The newest anchor in the file, or None."""
    path = anchor_file()
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 500))
        lines = file.read().splitlines()
    try:
        return _anchor(json.loads(lines[-1]))
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def _thin(path: Path) -> None:
    """Every second line, and the last: old anchors far apart are as good as close ones."""
    lines = path.read_text().splitlines()
    smaller = path.with_suffix(".new")
    smaller.write_text("\n".join([*lines[:-1:2], lines[-1]]) + "\n")
    smaller.replace(path)
