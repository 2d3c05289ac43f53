"""Telling open browsers that a row changed. Callable from any process and any synchronous code; after commit; never raises.

`data` is the full row as an operator sees it; what each receiver may see of it is made on the receiving side (`live.topics`).
A push is a hint: it may be lost, and the browser then learns the truth from its next snapshot.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal
from uuid import UUID

from django.db import transaction

from kvmweb.after_answer import after_answer
from live import bus

logger = logging.getLogger(__name__)

BATCH_ROWS = 100


@dataclass(frozen=True, slots=True)
class Change:
    """One row's delta as it travels between processes. `version` grows with every change of the row; receivers drop older ones.

    `left`: the tenant it belonged to until now, whose pages take it off their lists.
    """

    kind: str
    id: str
    tenant: str | None
    version: int
    data: dict[str, Any]
    type: Literal["changed", "removed"] = "changed"
    left: str | None = None


def change(
    kind: str, row_id: UUID | str, *, tenant_id: UUID | None, version: int, data: dict[str, Any], left_tenant_id: UUID | None = None
) -> Change:
    left = str(left_tenant_id) if left_tenant_id else None
    return Change(kind, str(row_id), str(tenant_id) if tenant_id else None, version, data, left=left)


def changed(
    kind: str, row_id: UUID | str, *, tenant_id: UUID | None, version: int, data: dict[str, Any], left_tenant_id: UUID | None = None
) -> None:
    changed_many([change(kind, row_id, tenant_id=tenant_id, version=version, data=data, left_tenant_id=left_tenant_id)])


def removed(kind: str, row_id: UUID | str, *, tenant_id: UUID | None, version: int) -> None:
    tenant = str(tenant_id) if tenant_id else None
    changed_many([Change(kind, str(row_id), tenant, version, {"id": str(row_id)}, "removed")])


def changed_many(changes: Sequence[Change]) -> None:
    """Many rows in few messages."""
    for start in range(0, len(changes), BATCH_ROWS):
        when_seen(partial(_send, changes[start : start + BATCH_ROWS]))


def when_seen(work: Callable[[], object]) -> None:
    """After the commit, and in a request of the web process after its answer: whoever clicked does not wait for what others are told."""
    # robust: a failing push must not fail the caller, whose work is committed.
    transaction.on_commit(partial(after_answer, work), robust=True)


def _send(changes: Sequence[Change]) -> None:
    try:
        bus.send([asdict(item) for item in changes])
    except Exception:
        logger.exception("Could not publish %d changes.", len(changes))
