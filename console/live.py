"""The topic `consoles`: what a browser gets when it subscribes, and how it learns that a console opened, did something or closed."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any
from uuid import UUID

from console.models import ConsoleSession
from console.payload import for_actor, session_payload
from console.selectors import open_consoles, with_people
from live import publish
from tenants.actor import Actor

SNAPSHOT_ROWS = 200


def list_snapshot(actor: Actor) -> dict[str, Any]:
    rows = open_consoles(actor).order_by("-opened_at", "-id")
    return {"results": [for_actor(actor, session_payload(row)) for row in rows[:SNAPSHOT_ROWS]], "summary": {"open": rows.count()}}


def publish_consoles(session_ids: Collection[UUID]) -> None:
    """Each as it is now. One query."""
    publish.changed_many([_change(row) for row in with_people(ConsoleSession.objects.open().filter(pk__in=session_ids))])


def publish_closed(session_id: UUID, tenant_id: UUID) -> None:
    publish.removed("console", session_id, tenant_id=tenant_id, version=int(time.time() * 1000))


def _change(row: ConsoleSession) -> publish.Change:
    data = session_payload(row)
    return publish.change("console", row.pk, tenant_id=row.tenant_id, version=data["version"], data=data)
