"""Adding to the chain. What the entries say is `tenants.audit`'s business, whether the chain holds is `verify`'s.

An entry is linked when its transaction commits, so that entry and change stand or fall together. On SQLite a writing transaction is alone
and links at once. On PostgreSQL deferred triggers link (see `triggers`): the lock on the chain's head is the last one a transaction takes
and is held only while it commits, so it can neither deadlock with a tenant's row nor make clicks queue behind each other's work.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from tenants.audit import canonical
from tenants.models import AuditEntry, AuditLink

LINKS = AuditLink._meta.db_table


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: what an anchor keeps."""

    seq: int = 0
    hash: str = canonical.FIRST


def append(entry: AuditEntry) -> AuditEntry:
    entry.digest = canonical.digest_of(entry)
    with transaction.atomic(savepoint=False):
        entry.save(force_insert=True)
        if connection.vendor != "postgresql":
            _link(entry)
    return entry


def _link(entry: AuditEntry) -> None:
    last = head()
    seq = last.seq + 1
    values: list[int | str] = [seq, entry.pk, last.hash, canonical.link_hash(last.hash, seq, entry.pk, entry.digest)]
    with connection.cursor() as cursor:
        # Plain SQL: a quarter of the ORM's time, in every click.
        cursor.execute(f"INSERT INTO {LINKS} (seq, entry_id, previous, hash) VALUES (%s, %s, %s, %s)", values)  # noqa: S608


def head() -> Head:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT seq, hash FROM {LINKS} ORDER BY seq DESC LIMIT 1")  # noqa: S608
        row = cursor.fetchone()
    return Head(*row) if row else Head()
