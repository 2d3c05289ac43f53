"""What somebody may do, and why: every operation of the policy table for one actor in one tenant, grouped by noun.

The answers are `policy.why_not`'s, so that this page, the buttons and the gate cannot disagree. Also the whole table, role by role, for
docs/permissions.md and its page in the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from tenants.actor import TENANT_RANK, Actor
from tenants.models import SystemRole, TenantRole
from tenants.policy import ADMIN, ALSO_AUDITOR, ANYBODY, LEAST_ROLE, OPERATOR, ROLE_NAMES, why_not, words_for

NOUNS = {
    "guest": "Virtual machines",
    "console": "Consoles",
    "image": "Images",
    "volume": "Disks",
    "job": "Jobs",
    "host": "Hosts",
    "tenant": "Tenants and members",
    "quota_request": "Requests for quota",
    "quota_default": "Default quota",
    "user": "Accounts",
    "token": "API tokens",
    "ssh_key": "SSH keys",
    "audit": "Audit trail",
}
"""In the order of the pages. A noun that is not here shows under its own name, after these."""


@dataclass(frozen=True, slots=True)
class Line:
    """`because`: the role that allows it, or the sentence that refuses it."""

    operation: str
    words: str
    is_allowed: bool
    because: str


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    lines: list[Line]


def access_of(actor: Actor, tenant_id: UUID | None) -> list[Group]:
    """`tenant_id` None: outside any tenant."""
    return [Group(name, [_line(actor, operation, tenant_id) for operation in operations]) for name, operations in by_noun()]


def by_noun() -> list[tuple[str, list[str]]]:
    """[("Virtual machines", ["guest.create", ...]), ...]"""
    place = {noun: number for number, noun in enumerate(NOUNS)}
    ordered = sorted(LEAST_ROLE, key=lambda name: (place.get(_noun(name), len(NOUNS)), _noun(name)))
    return [(NOUNS.get(noun, noun.replace("_", " ").capitalize()), list(names)) for noun, names in groupby(ordered, key=_noun)]


def _noun(operation: str) -> str:
    return operation.partition(".")[0]


def _line(actor: Actor, operation: str, tenant_id: UUID | None) -> Line:
    reason = why_not(actor, operation, tenant_id)
    return Line(operation, words_for(operation), not reason, reason or _because(actor, operation, tenant_id))


def _because(actor: Actor, operation: str, tenant_id: UUID | None) -> str:
    least = LEAST_ROLE[operation]
    if least == ANYBODY:
        return "Everybody with a login may."
    in_tenant = actor.roles.get(tenant_id, "") if tenant_id else ""
    if TENANT_RANK.get(in_tenant, 0) >= least:
        return f"{actor.label} is {in_tenant} of {actor.names[tenant_id] if tenant_id else ''}."
    return f"{actor.label} has the system role {actor.system_role}."


ROLES: tuple[str, ...] = ("viewer", "member", "owner", "auditor", "operator", "admin")
"""Columns of the reference. Of the tenant's own people the first three; the others over all tenants."""
_HERE = UUID(int=1)


def role_may(role: str, operation: str) -> bool:
    """In a tenant where a viewer, member or owner has that role; for a system role, without being a member."""
    system = {"auditor": SystemRole.AUDITOR, "operator": SystemRole.OPERATOR, "admin": SystemRole.ADMIN}.get(role, SystemRole.NONE)
    roles = {} if system else {_HERE: str(TenantRole(role))}
    return not why_not(Actor(label=role, user_id=_HERE, system_role=system, roles=roles), operation, _HERE)


def least_role(operation: str) -> str:
    least = LEAST_ROLE[operation]
    text = ROLE_NAMES.get(least, "anybody who is logged in")
    return f"{text} or auditor" if operation in ALSO_AUDITOR and least in (OPERATOR, ADMIN) else text
