"""The one table: which operation needs which role at least. Services, API, sockets, consoles, disabled buttons and
docs/permissions.md read it.

Ranks are those of `Actor.rank_in`. Everything here fails closed: an operation, a role or a scope that is not known is refused.
"""

from __future__ import annotations

from uuid import UUID

from tenants.actor import Actor
from tenants.models import SystemRole

ANYBODY, VIEWER, MEMBER, OWNER, OPERATOR, ADMIN = 0, 1, 2, 3, 4, 5
ROLE_NAMES = {VIEWER: "viewer", MEMBER: "member", OWNER: "owner", OPERATOR: "operator", ADMIN: "admin"}
SCOPES = ("read", "operate", "admin")
ABOUT_PEOPLE = ("tenant", "user")
"""Nouns a token of scope operate does not change: a script that works on guests need not be able to let anybody in."""

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
    "guest.bulk": MEMBER,
    "guest.transfer": OWNER,
    "guest.adopt": OPERATOR,
    "console.open": MEMBER,
    "console.view": VIEWER,
    "console.kick": OWNER,
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
    "host.forget": OPERATOR,
    "host.preflight": OPERATOR,
    "tenant.create": ADMIN,
    "tenant.change": ADMIN,
    "tenant.delete": ADMIN,
    "tenant.add_member": OWNER,
    "tenant.change_member": OWNER,
    "tenant.remove_member": OWNER,
    "tenant.leave": VIEWER,
    "tenant.invite": OWNER,
    "tenant.revoke_invitation": OWNER,
    "tenant.accept_invitation": ANYBODY,
    "tenant.set_quota": ADMIN,
    "quota_default.change": ADMIN,
    "quota_request.create": OWNER,
    "quota_request.cancel": OWNER,
    "quota_request.approve": ADMIN,
    "quota_request.decline": ADMIN,
    "tenant.view_as": OPERATOR,
    "user.create": ADMIN,
    "user.change": ADMIN,
    "user.delete": ADMIN,
    "token.create": ANYBODY,
    "token.rotate": ANYBODY,
    "token.delete": ANYBODY,
    "ssh_key.create": ANYBODY,
    "ssh_key.delete": ANYBODY,
}

ALSO_AUDITOR = frozenset({"tenant.view_as"})
"""Beyond reading everything, which needs no operation."""

NO_CHANGE = frozenset({"console.view"})
"""Operations that only look: allowed while viewing as a tenant."""

_WORDS = {
    "guest.force_off": "Force a guest off",
    "guest.shutdown": "Shut a guest down",
    "guest.bulk": "Start or stop many guests at once",
    "guest.change": "Change a guest: name, tags, protection, size",
    "guest.transfer": "Give a guest to another tenant (owner of both)",
    "guest.adopt": "Adopt a machine that runs on a host unmanaged",
    "console.open": "Use a guest's console",
    "console.view": "Watch a guest's console",
    "console.kick": "Close somebody's console",
    "image.create_public": "Import an image for everybody",
    "image.create": "Import an image for the tenant",
    "image.build": "Build an image from a recipe",
    "volume.delete": "Delete a disk that belongs to no guest",
    "host.create": "Add a host",
    "host.delete": "Remove a host from the list",
    "host.preflight": "Check what works on a host",
    "tenant.change": "Rename a tenant, switch it off or on",
    "tenant.add_member": "Add a user to a tenant",
    "tenant.change_member": "Change a member's role",
    "tenant.remove_member": "Remove a member",
    "tenant.leave": "Leave a tenant",
    "tenant.invite": "Invite by link",
    "tenant.revoke_invitation": "Withdraw an invitation",
    "tenant.accept_invitation": "Accept an invitation",
    "tenant.set_quota": "Set a tenant's quota",
    "quota_default.change": "Change the default quota",
    "quota_request.create": "Ask for a larger quota",
    "quota_request.cancel": "Withdraw a request for quota",
    "quota_request.approve": "Approve a request for quota",
    "quota_request.decline": "Decline a request for quota",
    "tenant.view_as": "View the product as a tenant sees it",
    "token.create": "Create an API token of one's own",
    "token.rotate": "Give an API token of one's own a new key",
    "token.delete": "Delete an API token of one's own; for admins, anybody's",
    "ssh_key.create": "Keep an SSH key of one's own",
    "ssh_key.delete": "Delete an SSH key of one's own",
}


def words_for(operation: str) -> str:
    """What a person reads: "Start a guest"."""
    noun, _, verb = operation.partition(".")
    article = "an" if noun[:1] in "aeio" else "a"
    return _WORDS.get(operation) or f"{verb.replace('_', ' ').capitalize()} {article} {noun.replace('_', ' ')}"


def why_not(actor: Actor, operation: str, tenant_id: UUID | None) -> str:
    """Empty when `actor` may; else the sentence for the 403 and for the tooltip of the disabled button."""
    least = LEAST_ROLE.get(operation)
    if least is None:
        return f"{operation} is not a known operation."
    if actor.viewing_as and operation not in NO_CHANGE:
        return why_not_while_viewing(actor)
    if actor.scope not in SCOPES:
        return "This token's scope is not known. Make a new token."
    if actor.lacks_mfa:
        return "Set up a second factor first: your role or one of your tenants requires it. See Account, Two-factor."
    if actor.scope == "read":
        return "This token may only read. Use one with scope operate."
    if actor.scope == "operate" and (least >= OPERATOR or operation.partition(".")[0] in ABOUT_PEOPLE) and not actor.is_system:
        return "This token has scope operate. Use one with scope admin."
    if actor.rank_in(tenant_id) < least and not _is_for_auditor(actor, operation):
        whom = "an owner of the tenant or an admin" if least <= OWNER else "an admin"
        return f"This needs the role {ROLE_NAMES[least]}. Ask {whom} for it."
    return ""


def why_not_while_viewing(actor: Actor) -> str:
    return f"You are viewing as tenant {actor.viewing_as}. Stop viewing to change something."


def _is_for_auditor(actor: Actor, operation: str) -> bool:
    return operation in ALSO_AUDITOR and actor.system_role == SystemRole.AUDITOR


def may(actor: Actor, operation: str, tenant_id: UUID | None) -> bool:
    return not why_not(actor, operation, tenant_id)


def why_not_anywhere(actor: Actor, operation: str) -> str:
    """Empty when `actor` may do `operation` in some tenant: for buttons that belong to no row, such as New VM."""
    reason = why_not(actor, operation, None)
    return "" if any(may(actor, operation, tenant_id) for tenant_id in actor.tenant_ids) else reason
