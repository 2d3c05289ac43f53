"""Entries to tamper with, and the SQL of somebody who owns the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tenants import audit
from tenants.actor import Actor, system_actor
from tenants.audit import triggers
from tenants.models import AuditEntry


@pytest.fixture
def actor() -> Actor:
    return system_actor("test")


@pytest.fixture
def write(actor: Actor) -> Callable[..., list[AuditEntry]]:
    def write_entries(count: int = 1, **fields: Any) -> list[AuditEntry]:
        return [audit.record(actor, f"guest.change{number}", "done", **fields) for number in range(count)]

    return write_entries


@pytest.fixture
def tamper() -> Callable[..., None]:
    """Raw SQL after dropping the triggers, which are put back so that only the chain can tell."""

    def run(*statements: str) -> None:
        with connection.cursor() as cursor:
            for statement in [*triggers.drop_statements(connection.vendor), *statements]:
                cursor.execute(statement)
        triggers.ensure()

    return run
