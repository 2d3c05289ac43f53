"""Changes to tenants, their members and quotas, and to API tokens. Logging in and passwords are Django's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils import timezone

from kvmweb.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import ApiToken, Membership, Quota, Tenant, TokenScope, User

SCOPE_RANK = {TokenScope.READ: 0, TokenScope.OPERATE: 1, TokenScope.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """`key` is known only here and now; the row keeps its hash."""

    token: ApiToken
    key: str

    def __repr__(self) -> str:
        return f"CreatedToken({self.token.name!r})"


@operation("tenant.create")
def create_tenant(actor: Actor, target: None, *, name: str, description: str = "") -> Tenant:
    _refuse_taken_name(name)
    return Tenant.objects.create(name=name, description=description)


@operation("tenant.change")
def change_tenant(actor: Actor, tenant: Tenant, changes: Mapping[str, object]) -> Tenant:
    """`changes`: of name, description, is_active."""
    if changes.get("name", tenant.name) != tenant.name:
        _refuse_taken_name(str(changes["name"]))
    for field, value in changes.items():
        setattr(tenant, field, value)
    tenant.save(update_fields=list(changes))
    return tenant


def _refuse_taken_name(name: str) -> None:
    if Tenant.objects.filter(name=name).exists():
        raise Conflict(f'There is already a tenant "{name}".', hint="Choose another name.", code="name_taken")


@operation("tenant.add_member")
def add_member(actor: Actor, tenant: Tenant, *, username: str, role: str, create: bool = False) -> Membership:
    """Give `username` this role, also when it had another. `create` makes the account, without a usable password."""
    user = User.objects.filter(username__iexact=username).first()
    if user is None and not create:
        hint = "Check the spelling, or send create: true as an admin to make the account."
        raise NotFound(f'There is no user "{username}".', hint=hint, details={"fields": {"username": ["No such user."]}})
    if user is None:
        user = _create_account(actor, username)
    membership, _ = Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role})
    return membership


def _create_account(actor: Actor, username: str) -> User:
    if not actor.is_admin:
        raise NotAllowed("Only an admin may make accounts.", hint="Ask an admin, or add a user who has an account.")
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError as error:
        raise InvalidInput(fields={"username": error.messages}) from error
    return User.objects.create_user(username, password=None)


@operation("tenant.set_quota")
def set_quota(actor: Actor, tenant: Tenant, limits: Mapping[str, int | None]) -> Quota:
    """Limits that are not named stay as they are. A limit below what is used stops new use and takes nothing away."""
    quota, _ = Quota.objects.update_or_create(tenant=tenant, defaults=dict(limits))
    return quota


@operation("token.create")
def create_token(
    actor: Actor, target: None, *, name: str, scope: str, tenant: Tenant | None = None, expires_at: datetime | None = None
) -> CreatedToken:
    """For the actor. A token cannot make one that may more than itself."""
    if SCOPE_RANK[TokenScope(scope)] > SCOPE_RANK[TokenScope(actor.scope)]:
        raise NotAllowed(f"A token of scope {actor.scope} cannot make one of scope {scope}.")
    if actor.only_tenant and (tenant is None or tenant.pk != actor.only_tenant):
        raise NotAllowed("This token is for one tenant and can only make tokens for that tenant.", hint="Send that tenant's id.")
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        raise InvalidInput(fields={"expires_at": "This time has passed."})
    user = User.objects.get(pk=str(actor.user_id))
    token, key = ApiToken.objects.create(user=user, expiry=expires_at - now if expires_at else None, name=name, scope=scope, tenant=tenant)
    return CreatedToken(token, key)


@operation("token.delete")
def delete_token(actor: Actor, target: None, token: ApiToken) -> None:
    """The caller found the token with `selectors.token_for`."""
    token.delete()
