"""What goes out: an entry with its place in the chain, as one line of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tenants.actor import system_actor
from tenants.audit.lines import LONGEST, flat_payload, json_line
from tenants.models import AuditEntry, AuditLink

HEADER_BYTES = 512
"""Room for the head of a syslog line, so that the whole of it stays below 4 KiB."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    seq: int
    hash: str
    at: datetime
    operation: str
    outcome: str
    line: str


def after(seq: int, *, limit: int) -> list[Forwarded]:
    links = list(AuditLink.objects.filter(seq__gt=seq).order_by("seq")[:limit])
    entries = AuditEntry.objects.in_bulk([link.entry_id for link in links])
    return [_forwarded(link, entries[link.entry_id]) for link in links if link.entry_id in entries]


def _forwarded(link: AuditLink, entry: AuditEntry) -> Forwarded:
    entry.link = link
    line = json_line(flat_payload(system_actor("forward"), entry), longest=LONGEST - HEADER_BYTES)
    return Forwarded(link.seq, link.hash, entry.at, entry.operation, entry.outcome, line)
