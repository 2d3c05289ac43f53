"""What the database itself does for the trail: it refuses UPDATE, DELETE and TRUNCATE, and PostgreSQL links entries at commit.

Installed after every `migrate`, not in a migration: altering a table on SQLite makes a new one and forgets its triggers. They stop mistakes
and plain SQL; an administrator of the database can drop them, which is what the chain is for.
"""
# ruff: noqa: S608  (SQL of constants only)

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

ENTRIES, LINKS, PENDING = "tenants_auditentry", "tenants_auditlink", "tenants_auditpending"
PROTECTED = (ENTRIES, LINKS)
REFUSAL = "The audit trail is append-only."
HEAD_LOCK = 7_142_001
"""PostgreSQL's advisory lock of the chain's head; any number nobody else uses."""

SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for table in PROTECTED
    for verb in ("UPDATE", "DELETE")
]

POSTGRESQL = [
    f"""
CREATE OR REPLACE FUNCTION tenants_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'insufficient_privilege';
END $$
""",
    *(
        f"CREATE OR REPLACE TRIGGER {table}_{name} BEFORE {verbs} ON {table} FOR EACH {each} EXECUTE FUNCTION tenants_audit_refuse()"
        for table in PROTECTED
        for name, verbs, each in (("no_change", "UPDATE OR DELETE", "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT"))
    ),
    # Two rounds of deferred triggers: the first runs among the deferred foreign keys, which lock rows; what it queues runs after all
    # of them, so the head is locked when nothing else is left to lock.
    f"CREATE UNLOGGED TABLE IF NOT EXISTS {PENDING} (entry_id bigint PRIMARY KEY, digest text NOT NULL)",
    f"""
CREATE OR REPLACE FUNCTION tenants_audit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {PENDING} (entry_id, digest) VALUES (NEW.id, NEW.digest);
    RETURN NULL;
END $$
""",
    f"""
CREATE OR REPLACE FUNCTION tenants_audit_link() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head record;
    next_seq bigint;
    before text;
BEGIN
    PERFORM pg_advisory_xact_lock({HEAD_LOCK});
    SELECT seq, hash INTO head FROM {LINKS} ORDER BY seq DESC LIMIT 1;
    next_seq := coalesce(head.seq, 0) + 1;
    before := coalesce(head.hash, repeat('0', 64));
    INSERT INTO {LINKS} (seq, entry_id, previous, hash) VALUES (next_seq, NEW.entry_id, before, encode(
        sha256(convert_to(before || E'\\n' || next_seq || E'\\n' || NEW.entry_id || E'\\n' || NEW.digest, 'UTF8')), 'hex'));
    DELETE FROM {PENDING} WHERE entry_id = NEW.entry_id;
    RETURN NULL;
END $$
""",
]
DEFERRED = {
    f"{ENTRIES}_queue": f"CREATE CONSTRAINT TRIGGER {ENTRIES}_queue AFTER INSERT ON {ENTRIES} DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION tenants_audit_queue()",
    f"{PENDING}_link": f"CREATE CONSTRAINT TRIGGER {PENDING}_link AFTER INSERT ON {PENDING} DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION tenants_audit_link()",
}
"""PostgreSQL cannot "create or replace" these."""
EXPECTED = {
    "sqlite": {f"{table}_no_{verb}" for table in PROTECTED for verb in ("update", "delete")},
    "postgresql": {f"{table}_{name}" for table in PROTECTED for name in ("no_change", "no_truncate")} | set(DEFERRED),
}


def missing(using: str = DEFAULT_DB_ALIAS) -> set[str]:
    """Triggers the database should have and has not, or has switched off."""
    connection = connections[using]
    return EXPECTED.get(connection.vendor, set()) - _present(connection)


def _present(connection: BaseDatabaseWrapper) -> set[str]:
    known = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
    }
    with connection.cursor() as cursor:
        cursor.execute(known[connection.vendor])
        return {row[0] for row in cursor.fetchall()}


def ensure(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Install what is missing; a receiver of post_migrate. Nothing while the tables are not there yet."""
    connection = connections[using]
    if connection.vendor not in EXPECTED or not missing(using):
        return
    if not set(PROTECTED) <= set(connection.introspection.table_names()):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for statement in SQLITE if connection.vendor == "sqlite" else POSTGRESQL:
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            for name, statement in DEFERRED.items():
                if name not in _present(connection):
                    cursor.execute(statement)


def drop_statements(vendor: str) -> list[str]:
    """For tests and for pruning, which must delete."""
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in sorted(EXPECTED["sqlite"])]
    tables: Iterable[tuple[str, str]] = ((name, table) for table in PROTECTED for name in EXPECTED["postgresql"] if name.startswith(table))
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name, table in tables if "_no_" in name]


def removal_statements(vendor: str) -> list[str]:
    """Everything installed here, for a migration backwards."""
    gone = [f"DROP TRIGGER IF EXISTS {ENTRIES}_queue ON {ENTRIES}", f"DROP TABLE IF EXISTS {PENDING}"] if vendor == "postgresql" else []
    return [*drop_statements(vendor), *gone]


@contextmanager
def suspended(using: str = DEFAULT_DB_ALIAS) -> Any:
    """Inside one transaction without the refusals, and with them again before it commits: nobody else ever sees them gone."""
    connection = connections[using]
    with transaction.atomic(using=using):
        with connection.cursor() as cursor:
            for statement in drop_statements(connection.vendor):
                cursor.execute(statement)
        yield
        ensure(using)
