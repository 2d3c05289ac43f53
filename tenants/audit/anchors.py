"""Heads of the chain kept outside the database: a line in a file each, so that a cut-off end is found. Copy the file elsewhere too."""

from __future__ import annotations

import json
import os
from pathlib import Path

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
            value = json.loads(line)
            found.append(Anchor(seq=int(value["seq"]), hash=str(value["hash"]), at=str(value.get("at", ""))))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"Line {number} of {path} is not an anchor.") from error
    return found


def write() -> Anchor | None:
    """Keep the head, when it moved since the last line. Appends and syncs; the file is halved when it grows past some megabytes."""
    path, head = anchor_file(), chain.head()
    last = _last_line(path)
    if head.seq == 0 or last == head.seq:
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


def _last_line(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 500))
        lines = file.read().splitlines()
    try:
        return int(json.loads(lines[-1])["seq"])
    except (IndexError, ValueError, KeyError, TypeError):
        return 0


def _thin(path: Path) -> None:
    """Every second line, and the last: old anchors far apart are as good as close ones."""
    lines = path.read_text().splitlines()
    smaller = path.with_suffix(".new")
    smaller.write_text("\n".join([*lines[:-1:2], lines[-1]]) + "\n")
    smaller.replace(path)
