"""The JSON of an open console, for REST, live topics and pages alike."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from console.models import ConsoleSession
from tenants.actor import Actor
from tenants.models import TenantRole
from tenants.policy import why_not

Payload = dict[str, Any]


def session_payload(row: ConsoleSession) -> Payload:
    """Everything, as an operator sees it. The row comes from `selectors.with_people`."""
    return {
        "id": str(row.pk),
        "version": int(row.seen_at.timestamp() * 1000) if row.seen_at else 0,
        "user": {"id": str(row.user_id), "name": row.user.username},
        "is_outsider": bool(row.is_outsider),  # type: ignore[attr-defined]
        "guest": {"id": str(row.guest_id), "name": row.guest.name},
        "tenant": {"id": str(row.guest.tenant_id), "name": row.guest.tenant.name},
        "kind": row.kind,
        "mode": row.mode,
        "address": row.address,
        "opened_at": row.opened_at,
        "active_at": row.active_at,
        "to_viewer_bytes": row.to_viewer_bytes,
        "to_guest_bytes": row.to_guest_bytes,
    }


def for_actor(actor: Actor, payload: Payload) -> Payload | None:
    """What `actor` may see of it: None for somebody else's console. Tenants learn that an operator looks, not which one and from where."""
    tenant_id = UUID(payload["tenant"]["id"])
    is_own = payload["user"]["id"] == str(actor.user_id)
    if not actor.sees_everything and not (is_own or actor.roles.get(tenant_id) == TenantRole.OWNER):
        return None
    shown = {name: value for name, value in payload.items() if name != "is_outsider"}
    if payload["is_outsider"] and not (actor.sees_everything or is_own):
        shown |= {"user": {"id": None, "name": "an operator"}, "address": ""}
    reason = why_not(actor, "console.kick", tenant_id)
    return {**shown, "is_own": is_own, "can_kick": not reason, "why_not_kick": reason}
