"""The one form in which an entry is hashed: the same text on every database, today and in ten years. No database access here."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from tenants.models import AuditEntry

FIRST = "0" * 64
"""What stands for the hash before the first."""
FIELDS = (
    "at",
    "operation",
    "outcome",
    "actor_label",
    "actor_user_id",
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
"""Version 1. A new column means a version 2 that old entries do not have; never a change of this list."""
DEEPEST, LONGEST_TEXT, LARGEST_BYTES = 6, 1000, 16 * 1024


def text_of(entry: AuditEntry) -> str:
    return json.dumps({"v": 1, **{name: _plain(getattr(entry, name)) for name in FIELDS}}, sort_keys=True, separators=(",", ":"))


def digest_of(entry: AuditEntry) -> str:
    return hashlib.sha256(text_of(entry).encode()).hexdigest()


def link_hash(previous: str, seq: int, entry_id: int, digest: str) -> str:
    """The same as the PostgreSQL function in `triggers`."""
    return hashlib.sha256(f"{previous}\n{seq}\n{entry_id}\n{digest}".encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


def clean_text(text: str, longest: int) -> str:
    """Without what PostgreSQL cannot store (NUL, half a surrogate pair), cut."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()[:longest]


def clean_details(details: dict[str, Any]) -> dict[str, Any]:
    """Values that come back from every database as they went in: no floats, no NUL, bounded. What is too much is dropped and said."""
    cleaned: dict[str, Any] = _clean(details, DEEPEST)
    if len(json.dumps(cleaned)) > LARGEST_BYTES:
        return {"dropped": f"Details of more than {LARGEST_BYTES // 1024} KiB: {', '.join(sorted(cleaned)[:20])}."}
    return cleaned


def _clean(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**53 else str(value)
    if depth and isinstance(value, dict):
        return {clean_text(str(key), 100): _clean(inner, depth - 1) for key, inner in list(value.items())[:200]}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner, depth - 1) for inner in list(value)[:200]]
    return clean_text(_plain(value) if isinstance(value, datetime) else str(value), LONGEST_TEXT)
