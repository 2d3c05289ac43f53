"""Taking the oldest part out of the database: written to a file with its hashes, deleted, and accounted for by an entry of its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import connection

from tenants import audit
from tenants.actor import Actor, system_actor
from tenants.audit import chain, triggers
from tenants.audit.lines import flat_payload, json_line
from tenants.audit.verify import verify
from tenants.models import AuditEntry, AuditLink

BATCH = 1000


class CannotArchive(Exception):
    """Says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Archive:
    count: int
    last_seq: int
    sha256: str


def archive(actor: Actor, before: datetime, path: Path) -> Archive:
    """Everything up to the first link whose entry is not older than `before`. The chain must hold: what is broken stays as evidence."""
    last = _last_before(before)
    if last is None:
        raise CannotArchive("Nothing is that old.")
    verdict = verify(last=last.seq)
    if verdict.broken is not None:
        raise CannotArchive(f"The chain is broken and stays as it is: {verdict.broken.sentence}")
    sha256 = hashlib.sha256()
    # Readable by nobody else from its first moment on.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for line in _lines(last.seq):
            file.write(line)
            sha256.update(line)
        file.flush()
        os.fsync(file.fileno())
    details = {"seq": last.seq, "hash": last.hash, "count": verdict.count, "file": path.name, "sha256": sha256.hexdigest()}
    with triggers.suspended():
        with connection.cursor() as cursor:
            # Plain SQL: the model refuses. Entries first, they are found by their links.
            cursor.execute(
                f"DELETE FROM {triggers.ENTRIES} WHERE id IN (SELECT entry_id FROM {triggers.LINKS} WHERE seq <= %s)",  # noqa: S608
                [last.seq],
            )
            cursor.execute(f"DELETE FROM {triggers.LINKS} WHERE seq <= %s", [last.seq])  # noqa: S608
        audit.record(actor, "audit.archive", AuditEntry.Outcome.DONE, details=details)
    return Archive(verdict.count, last.seq, sha256.hexdigest())


def _last_before(before: datetime) -> AuditLink | None:
    """Never the end of the chain: the next entry needs something to follow."""
    young = AuditLink.objects.filter(entry__at__gte=before).order_by("seq").values_list("seq", flat=True).first()
    return AuditLink.objects.filter(seq__lt=young or chain.head().seq).order_by("-seq").first()


def _lines(last: int) -> Iterator[bytes]:
    reader, after = system_actor("archive"), 0
    while links := list(AuditLink.objects.filter(seq__gt=after, seq__lte=last).order_by("seq").select_related("entry")[:BATCH]):
        for link in links:
            link.entry.link = link
            yield (json_line(flat_payload(reader, link.entry)) + "\n").encode()
        after = links[-1].seq
