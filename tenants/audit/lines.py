"""Entries as lines of text: CSV, JSON lines, log lines. One entry is one line whatever it says, 4 KiB at most where that matters."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kvmweb.logs import escape
from tenants.actor import Actor
from tenants.audit.reading import Payload, audit_payload
from tenants.models import AuditEntry, AuditLink

LONGEST = 4096
COLUMNS = (
    "seq",
    "id",
    "at",
    "operation",
    "outcome",
    "actor",
    "actor_id",
    "tenant_id",
    "target_type",
    "target_id",
    "target_name",
    "address",
    "request_id",
    "job_id",
    "message",
    "details",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula."""


def flat_payload(actor: Actor, entry: AuditEntry) -> Payload:
    """What REST shows, and for system roles the place in the chain, so that an export can be checked against it."""
    payload = audit_payload(actor, entry)
    link: AuditLink | None = getattr(entry, "link", None)
    if link is not None:
        payload["seq"] = link.seq
        if actor.sees_everything:
            payload |= {"digest": entry.digest, "previous": link.previous, "hash": link.hash}
    return payload


def json_line(payload: Payload, *, longest: int | None = None) -> str:
    """ASCII, so control characters and line breaks inside values are escapes. Too long: first the details go, then the message is cut."""
    line = _dumps(payload)
    if longest is None or len(line) <= longest:
        return line
    line = _dumps({**payload, "details": {"dropped": "too long for a line"}})
    over = len(line) - longest
    if over > 0:
        # An escape is 12 characters at most for one of the text.
        line = _dumps(
            {**payload, "details": {"dropped": "too long for a line"}, "message": payload["message"][: max(0, 4096 - over) // 12]}
        )
    return line if len(line) <= longest else _dumps({"seq": payload.get("seq"), "id": payload["id"], "hash": payload.get("hash", "")})


def csv_line(payload: Payload) -> str:
    flat = {
        **payload,
        "at": payload["at"].isoformat(timespec="milliseconds"),
        "actor": payload["actor"]["label"],
        "actor_id": payload["actor"]["id"],
        **{f"target_{name}": value for name, value in payload["target"].items()},
        "details": _dumps(payload["details"]) if payload["details"] else "",
    }
    line = _csv([cell(flat.get(name)) for name in COLUMNS])
    for name in ("details", "message"):
        if len(line.encode()) > LONGEST:
            flat[name] = "(too long for a line)" if name == "details" else str(flat[name])[:500]
            line = _csv([cell(flat.get(column)) for column in COLUMNS])
    return line


def cell(value: Any) -> str:
    """Text that no spreadsheet runs, without line breaks."""
    text = "" if value is None else str(value)
    return escape(f"'{text}" if text.startswith(FORMULA) else text)


def _csv(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _dumps(value: Any) -> str:
    return json.dumps(value, default=_text, separators=(",", ":"))


def _text(value: Any) -> str:
    return str(value.isoformat(timespec="microseconds")) if hasattr(value, "isoformat") else str(value)


# -- exports ----------------------------------------------------------------------------------------------------------------------
WRITERS: dict[str, tuple[str, Callable[[Payload], str]]] = {
    "csv": ("text/csv; charset=utf-8", csv_line),
    "jsonl": ("application/x-ndjson", lambda payload: json_line(payload) + "\n"),
}
"""Kind -> content type, and a line of it."""
CHUNK_LINES = 200


def export(actor: Actor, entries: Iterable[AuditEntry], kind: str) -> Iterator[bytes]:
    write = WRITERS[kind][1]
    lines = [_csv(list(COLUMNS))] if kind == "csv" else []
    for entry in entries:
        lines.append(write(flat_payload(actor, entry)))
        if len(lines) >= CHUNK_LINES:
            yield "".join(lines).encode()
            lines = []
    if lines:
        yield "".join(lines).encode()
