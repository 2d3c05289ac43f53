"""Tenants, tokens and audit entries as plain JSON values."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from tenants.access import access_of
from tenants.actor import Actor
from tenants.models import ApiToken, Invitation, Membership, Tenant
from tenants.policy import LEAST_ROLE, may
from tenants.selectors import token_id

Payload = dict[str, Any]


def me_payload(actor: Actor, tenants: list[Tenant]) -> Payload:
    """`tenants`: those the actor has a role in."""
    return {
        "id": actor.user_id,
        "username": actor.label,
        "system_role": actor.system_role,
        "scope": actor.scope,
        "viewing_as": actor.viewing_as,
        "tenants": [
            {"id": tenant.pk, "name": tenant.name, "role": actor.roles[tenant.pk], "permissions": permissions(actor, tenant.pk)}
            for tenant in tenants
        ],
        "permissions": permissions(actor, None),
    }


def permissions(actor: Actor, tenant_id: UUID | None) -> list[str]:
    return [name for name in sorted(LEAST_ROLE) if may(actor, name, tenant_id)]


def tenant_payload(tenant: Tenant) -> Payload:
    return {
        "id": tenant.pk,
        "name": tenant.name,
        "description": tenant.description,
        "is_active": tenant.is_active,
        "created_at": tenant.created_at,
    }


def member_payload(membership: Membership) -> Payload:
    return {"user": {"id": membership.user_id, "username": membership.user.username}, "role": membership.role}


def invitation_payload(invitation: Invitation) -> Payload:
    """Without its link, which is shown once."""
    return {
        "id": invitation.pk,
        "role": invitation.role,
        "note": invitation.note,
        "state": invitation_state(invitation),
        "created_by": invitation.created_by.username if invitation.created_by else None,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
        "used_by": invitation.used_by.username if invitation.used_by else None,
        "used_at": invitation.used_at,
    }


def invitation_state(invitation: Invitation) -> str:
    if invitation.used_at:
        return "used"
    if invitation.revoked_at:
        return "withdrawn"
    return "open" if invitation.expires_at > timezone.now() else "expired"


def access_payload(actor: Actor, tenant_id: UUID | None) -> Payload:
    """`actor`: whose access is shown, not who asks."""
    groups = access_of(actor, tenant_id)
    return {
        "user": {"id": actor.user_id, "username": actor.label},
        "system_role": actor.system_role,
        "role": actor.roles.get(tenant_id, "") if tenant_id else "",
        "operations": [
            {"operation": line.operation, "allowed": line.is_allowed, "because": line.because} for group in groups for line in group.lines
        ],
    }


def token_payload(token: ApiToken) -> Payload:
    return {
        "id": token_id(token),
        "name": token.name,
        "begins_with": token.prefix,
        "user": {"id": token.user_id, "username": token.user.username},
        "scope": token.scope,
        "tenant": {"id": token.tenant_id, "name": token.tenant.name} if token.tenant else None,
        "created_at": token.created,
        "expires_at": token.expiry,
        "last_used_at": token.last_used_at,
        "last_used_address": token.last_used_address,
    }
