"""Letting people into a tenant by a link: made by an owner, used once, by somebody with an account or by somebody who makes one with it.

A link is worth what its maker may do at the moment it is used: it dies with the maker's role, account or tenant.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from kvmweb.errors import Conflict, InvalidInput, NotFound
from tenants import audit
from tenants.actor import TENANT_RANK, Actor, actor_for
from tenants.gate import note, operation
from tenants.models import AuditEntry, Invitation, Membership, Tenant, User
from tenants.policy import may
from tenants.services.members import give_role

LIFETIME = timedelta(days=7)
LONGEST_LIFETIME = timedelta(days=90)
MOST_OPEN = 100


@dataclass(frozen=True, slots=True)
class CreatedInvitation:
    """`token` is known only here and now; the row keeps its hash."""

    invitation: Invitation
    token: str = field(repr=False)

    @property
    def path(self) -> str:
        return f"/invite/{self.token}/"


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@operation("tenant.invite")
def invite(actor: Actor, tenant: Tenant, *, role: str, for_whom: str = "", expires_at: datetime | None = None) -> CreatedInvitation:
    """`for_whom`: a note for the list of invitations; nothing is sent to anybody."""
    now = timezone.now()
    expires_at = expires_at or now + LIFETIME
    if not now < expires_at <= now + LONGEST_LIFETIME:
        raise InvalidInput(fields={"expires_at": f"Choose a moment within the next {LONGEST_LIFETIME.days} days."})
    if not tenant.is_active:
        raise Conflict(f"Tenant {tenant.name} is disabled.", hint="An admin can enable it.")
    if open_invitations().filter(tenant=tenant).count() >= MOST_OPEN:
        raise Conflict(f"{tenant.name} has {MOST_OPEN} open invitations.", hint="Withdraw some of them first.")
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        tenant=tenant, role=role, note=for_whom, token_hash=hash_of(token), created_by_id=actor.user_id, expires_at=expires_at
    )
    note(f"a {role}{f', for {for_whom}' if for_whom else ''}", invitation=str(invitation.pk), role=role, expires_at=expires_at.isoformat())
    return CreatedInvitation(invitation, token)


@operation("tenant.revoke_invitation")
def revoke_invitation(actor: Actor, invitation: Invitation) -> Invitation:
    """An open one. One that was used or withdrawn before is a Conflict that says so."""
    if not Invitation.objects.filter(pk=invitation.pk, used_at=None, revoked_at=None).update(revoked_at=timezone.now()):
        invitation.refresh_from_db()
        raise Conflict(f"This invitation was {'used' if invitation.used_at else 'withdrawn'} already.")
    invitation.refresh_from_db()
    return invitation


def usable_invitation(token: str) -> Invitation:
    """For whoever holds the link. NotFound says the same for unknown, used, withdrawn and expired."""
    found = open_invitations().select_related("tenant", "created_by").filter(token_hash=hash_of(token)).first()
    if found is None or not found.tenant.is_active or not _maker_still_may(found):
        raise NotFound(
            "This invitation cannot be used: it was used before, was withdrawn, or has expired.",
            hint="Ask the person who sent it for a new one.",
        )
    return found


def _maker_still_may(invitation: Invitation) -> bool:
    if invitation.created_by is None:
        return False
    maker = actor_for(invitation.created_by)
    is_enough = maker.rank_in(invitation.tenant_id) >= TENANT_RANK[invitation.role]
    return is_enough and may(maker, "tenant.invite", invitation.tenant_id)


def open_invitations() -> models.QuerySet[Invitation]:
    return Invitation.objects.filter(used_at=None, revoked_at=None, expires_at__gt=timezone.now())


@operation("tenant.accept_invitation")
def accept_invitation(actor: Actor, target: None, invitation: Invitation) -> Tenant:
    """The caller found it with `usable_invitation`. Of two who use it at once, one gets in."""
    user = User.objects.get(pk=str(actor.user_id))
    tenant = invitation.tenant
    mine = Membership.objects.filter(tenant=tenant, user=user).first()
    if mine is not None and TENANT_RANK[mine.role] >= TENANT_RANK[invitation.role]:
        hint = "The invitation stays open for somebody else."
        raise Conflict(f"You are {mine.role} of {tenant.name} already.", hint=hint, code="member_already")
    still_open = open_invitations().filter(pk=invitation.pk)
    if not still_open.update(used_at=timezone.now(), used_by=user):
        raise NotFound("This invitation was used a moment ago.", hint="Ask the person who sent it for a new one.")
    if invitation.created_by is None:
        raise NotFound
    give_role(actor_for(invitation.created_by), tenant, user, role=invitation.role)
    note(f"{user.username} joined {tenant.name} as {invitation.role}", invitation=str(invitation.pk))
    return tenant


def join(invitation: Invitation, *, username: str, password: str, address: str = "") -> User:
    """Make an account and accept with it: both or neither. Raises InvalidInput when the name is taken or the password too weak."""
    user = User(username=User.normalize_username(username))
    user.set_password(password)
    problems = {"username": _why_not_username(user), "password": _why_not_password(user, password)}
    if any(problems.values()):
        raise InvalidInput(fields={field: sentences for field, sentences in problems.items() if sentences})
    with audit.surviving_rollback(), transaction.atomic():
        user.save()
        actor = actor_for(user, address=address)
        audit.record(actor, "user.create", AuditEntry.Outcome.DONE, target=user, message="by an invitation")
        accept_invitation(actor, None, invitation)
    return user


def _why_not_username(user: User) -> list[str]:
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        return error.message_dict.get("username", ["This name cannot be used."])
    return ["This name is taken. Choose another."] if User.objects.filter(username__iexact=user.username).exists() else []


def _why_not_password(user: User, password: str) -> list[str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return list(error.messages)
    return []
