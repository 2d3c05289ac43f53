"""One request at a time against the database, undone afterwards, with a look at what it wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction

RECORDS = {"tenants_auditentry", "tenants_auditlink", "tenants_auditcursor", "accounts_loginbucket"}
EXEMPT = frozenset({*RECORDS, "tenants_apitoken", "usersessions_usersession", "django_session"})
"""A refusal is recorded and a failed login counted, and tokens and sessions remember when they were used last."""
WRITE = re.compile(r'\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)


@dataclass
class Seen:
    """`written`: tables of INSERT, UPDATE and DELETE, also of those rolled back since. `queries`: how many statements in all."""

    written: set[str] = field(default_factory=set)
    queries: int = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        self.queries += 1
        if found := WRITE.match(sql):
            self.written.add(found[1])
        return execute(sql, params, many, context)

    @property
    def touched(self) -> set[str]:
        return self.written - EXEMPT


@contextmanager
def undone() -> Iterator[Seen]:
    """What happens inside is rolled back. Statements are counted until then."""
    seen = Seen()
    cache.clear()
    with transaction.atomic():
        with connection.execute_wrapper(seen):
            yield seen
        transaction.set_rollback(True)


def rows_of(tables: set[str]) -> dict[str, list[str]]:
    found = {}
    for table in sorted(tables):
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM "{table}"')
            found[table] = sorted(map(str, cursor.fetchall()))
    return found
