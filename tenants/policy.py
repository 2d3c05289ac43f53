"""The one table: which operation needs which role at least. Services, API, sockets, consoles and disabled buttons read it.

Ranks are those of `Actor.rank_in`. An operation that is not in the table is refused.
"""

from __future__ import annotations

from uuid import UUID

from tenants.actor import Actor

ANYBODY, VIEWER, MEMBER, OWNER, OPERATOR, ADMIN = 0, 1, 2, 3, 4, 5
ROLE_NAMES = {VIEWER: "viewer", MEMBER: "member", OWNER: "owner", OPERATOR: "operator", ADMIN: "admin"}

LEAST_ROLE: dict[str, int] = {
    "guest.create": MEMBER,
    "guest.start": MEMBER,
    "guest.shutdown": MEMBER,
    "guest.reboot": MEMBER,
    "guest.reset": MEMBER,
    "guest.force_off": MEMBER,
    "guest.suspend": MEMBER,
    "guest.resume": MEMBER,
    "guest.change": MEMBER,
    "guest.delete": MEMBER,
    "guest.adopt": OPERATOR,
    "console.open": MEMBER,
    "console.view": VIEWER,
    "image.create": MEMBER,
    "image.create_public": OPERATOR,
    "image.change": MEMBER,
    "image.delete": MEMBER,
    "image.build": OPERATOR,
    "volume.delete": MEMBER,
    "job.cancel": MEMBER,
    "job.retry": MEMBER,
    "host.create": OPERATOR,
    "host.change": OPERATOR,
    "host.delete": OPERATOR,
    "host.preflight": OPERATOR,
    "tenant.create": ADMIN,
    "tenant.change": ADMIN,
    "tenant.add_member": OWNER,
    "tenant.set_quota": ADMIN,
    "token.create": ANYBODY,
    "token.delete": ANYBODY,
}


def why_not(actor: Actor, operation: str, tenant_id: UUID | None) -> str:
    """Empty when `actor` may; else the sentence for the 403 and for the tooltip of the disabled button."""
    least = LEAST_ROLE.get(operation)
    if least is None:
        return f"{operation} is not a known operation."
    if actor.scope == "read":
        return "This token may only read. Use one with scope operate."
    if actor.scope == "operate" and least >= OPERATOR and not actor.is_system:
        return "This token has scope operate. Use one with scope admin."
    if actor.rank_in(tenant_id) < least:
        return f"This needs the role {ROLE_NAMES[least]}. Ask an owner of the tenant or an admin for it."
    return ""


def may(actor: Actor, operation: str, tenant_id: UUID | None) -> bool:
    return not why_not(actor, operation, tenant_id)
