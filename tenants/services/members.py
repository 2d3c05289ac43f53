"""Who belongs to a tenant, in which role. A tenant always keeps an owner; whoever leaves loses what they had in it."""

from __future__ import annotations

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from kvmweb.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tenants import audit
from tenants.actor import TENANT_RANK, Actor
from tenants.gate import note, operation
from tenants.models import ApiToken, AuditEntry, Membership, Tenant, TenantRole, User


@operation("tenant.add_member")
def add_member(actor: Actor, tenant: Tenant, *, username: str, role: str, create: bool = False) -> Membership:
    """Give `username` this role, also when it had another. `create` makes the account, without a usable password."""
    user = User.objects.filter(username__iexact=username).first()
    if user is None and not create:
        hint = "Check the spelling, invite the person by link, or send create: true as an admin to make the account."
        raise NotFound(f'There is no user "{username}".', hint=hint, details={"fields": {"username": ["No such user."]}})
    if user is None:
        user = _create_account(actor, username)
    return give_role(actor, tenant, user, role=role)


@operation("tenant.change_member")
def change_member(actor: Actor, tenant: Tenant, user: User, *, role: str) -> Membership:
    """Another role for somebody who is a member. The same role again changes nothing."""
    _member(tenant, user)
    return give_role(actor, tenant, user, role=role)


@operation("tenant.remove_member")
def remove_member(actor: Actor, tenant: Tenant, user: User) -> None:
    _remove(tenant, user)


@operation("tenant.leave")
def leave_tenant(actor: Actor, tenant: Tenant) -> None:
    if actor.user_id is None:
        raise NotFound
    _remove(tenant, User.objects.get(pk=actor.user_id))


def give_role(actor: Actor, tenant: Tenant, user: User, *, role: str) -> Membership:
    """Not gated itself: the common part of adding, changing and accepting an invitation."""
    lock(tenant)
    if TENANT_RANK[role] > actor.rank_in(tenant.pk):
        raise NotAllowed(f"You cannot make somebody {role} of {tenant.name}: that is more than you are yourself.")
    found = Membership.objects.filter(tenant=tenant, user=user).first()
    before = found.role if found else None
    if before == TenantRole.OWNER != role:
        refuse_without_owner(tenant, user)
    membership = found or Membership(tenant=tenant, user=user)
    membership.role = role
    membership.save()
    note(f"{user.username}: {f'{before} is now {role}' if before else role}", changes={"role": [before, role]}, user=user.username)
    return membership


def _remove(tenant: Tenant, user: User) -> None:
    lock(tenant)
    membership = _member(tenant, user)
    if membership.role == TenantRole.OWNER:
        refuse_without_owner(tenant, user)
    membership.delete()
    # Its roles decide all else at every request; a token for this tenant alone would be left for nothing.
    ApiToken.objects.filter(user=user, tenant=tenant).delete()
    note(f"{user.username} is no longer {membership.role}", changes={"role": [membership.role, None]}, user=user.username)


def lock(tenant: Tenant) -> None:
    """Two owners who remove each other at once must not both succeed."""
    Tenant.objects.select_for_update().get(pk=tenant.pk)


def refuse_without_owner(tenant: Tenant, user: User) -> None:
    """Call with the tenant locked, before `user` stops being its owner."""
    others = Membership.objects.filter(tenant=tenant, role=TenantRole.OWNER, user__is_active=True).exclude(user=user)
    if not others.exists():
        raise Conflict(
            f"{user.username} is the last owner of {tenant.name}.",
            hint="Make somebody else owner first.",
            code="last_owner",
        )


def _member(tenant: Tenant, user: User) -> Membership:
    membership = Membership.objects.filter(tenant=tenant, user=user).first()
    if membership is None:
        raise NotFound
    return membership


def _create_account(actor: Actor, username: str) -> User:
    if not actor.is_admin:
        raise NotAllowed(
            "Only an admin may make accounts.", hint="Ask an admin, invite the person by link, or add a user who has an account."
        )
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError as error:
        raise InvalidInput(fields={"username": error.messages}) from error
    user = User.objects.create_user(username, password=None)
    audit.record(actor, "user.create", AuditEntry.Outcome.DONE, target=user, message="to be a member, without a password")
    return user
