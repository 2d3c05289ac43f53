"""Proving that the sums quotas are held to are true: counted again row by row, and rows that hold what nobody works on.

Apps register their way of counting again beside their sums. Whether rows and domains agree is the watcher's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction

from tenants.models import Tenant
from tenants.quota.counting import Amounts, limits_of, usage_of


@dataclass(frozen=True, slots=True)
class Recount:
    """The rows of one tenant, added up in Python, and sentences about rows that count too much or too little."""

    amounts: Amounts
    complaints: list[str] = field(default_factory=list)


_recounts: list[Callable[[UUID], Recount]] = []


def register_recount(recount: Callable[[UUID], Recount]) -> None:
    _recounts.append(recount)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`notes` are no faults: a limit below what is used is allowed."""

    tenants: int
    faults: list[str]
    notes: list[str]


def check_quotas(tenants: Iterable[Tenant]) -> Verdict:
    faults, notes, count = [], [], 0
    for tenant in tenants:
        count += 1
        with _one_moment():
            faults += [f"{tenant.name}: {fault}" for fault in _faults_of(tenant)]
            notes += [f"{tenant.name}: {note}" for note in _notes_of(tenant)]
    return Verdict(count, faults, notes)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Everything as of one moment, while others go on working."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _faults_of(tenant: Tenant) -> Iterator[str]:
    used = usage_of(tenant.pk)
    counted: dict[str, int] = {}
    for recount in _recounts:
        found = recount(tenant.pk)
        yield from found.complaints
        for name, amount in found.amounts.items():
            counted[name] = counted.get(name, 0) + amount
    for name, amount in counted.items():
        if used[name] != amount:
            yield f"{name} sums up to {used[name]}, its rows to {amount}."


def _notes_of(tenant: Tenant) -> Iterator[str]:
    used = usage_of(tenant.pk)
    for name, limit in limits_of(tenant.pk).items():
        if limit is not None and used[name] > limit:
            yield f"uses {used[name]} of {limit} {name}. Was the limit lowered, or a guest made larger on its host?"
