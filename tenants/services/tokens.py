"""API tokens: made by their own user, shown once, deleted by their own user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from kvmweb.errors import InvalidInput, NotAllowed
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import ApiToken, Tenant, TokenScope, User

SCOPE_RANK = {TokenScope.READ: 0, TokenScope.OPERATE: 1, TokenScope.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """`key` is known only here and now; the row keeps its hash."""

    token: ApiToken
    key: str

    def __repr__(self) -> str:
        return f"CreatedToken({self.token.name!r})"


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
