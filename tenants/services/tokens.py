"""API tokens: made and rotated by their own user, shown once, revoked by that user or by an admin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from kvmweb.errors import Conflict, InvalidInput, NotAllowed
from tenants import gate, mfa
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
    """For the actor. A token cannot make one that may more than itself, or lives longer."""
    _refuse_more_than_own(actor, scope, tenant)
    _check_expiry(actor, expires_at)
    user = User.objects.select_for_update().get(pk=str(actor.user_id))
    have = ApiToken.objects.filter(user=user).exclude(expiry__lte=timezone.now()).count()
    if have >= settings.TOKENS_PER_USER:
        raise Conflict(f"You have {have} tokens, and {settings.TOKENS_PER_USER} is the most.", hint="Revoke one you no longer need.")
    return _make(user, name=name, scope=scope, tenant=tenant, expires_at=expires_at)


@operation("token.rotate")
def rotate_token(actor: Actor, target: None, token: ApiToken) -> CreatedToken:
    """A new key with the same name, rights and time to live; the old key stops at once. One's own only.

    Asked by a token, the new key ends with it at the latest: a key that leaked is not kept alive by whoever found it.
    """
    if token.user_id != actor.user_id:
        raise NotAllowed("Only its owner can rotate a token, for only they may see the new key.", hint="Revoke it instead.")
    _refuse_more_than_own(actor, token.scope, token.tenant)
    row = ApiToken.objects.select_for_update(of=("self",)).select_related("user", "tenant").filter(pk=token.pk).first()
    if row is None:
        raise Conflict("This token was revoked or rotated just now.", hint="Look at the list again.")
    lifetime = row.expiry - row.created if row.expiry else None
    row.delete()
    expires_at = timezone.now() + lifetime if lifetime else None
    if settings.TOKEN_MAX_DAYS:
        longest = timezone.now() + timedelta(days=settings.TOKEN_MAX_DAYS)
        expires_at = min(expires_at or longest, longest)
    if actor.token_expires_at:
        expires_at = min(expires_at or actor.token_expires_at, actor.token_expires_at)
    return _make(row.user, name=row.name, scope=row.scope, tenant=row.tenant, expires_at=expires_at, replaces=row.prefix)


@operation("token.delete")
def delete_token(actor: Actor, target: None, token: ApiToken) -> None:
    """The caller found the token with `selectors.token_for`: one's own, or, for admins, anybody's."""
    gate.note(about=token, **_facts(token))
    ApiToken.objects.filter(pk=token.pk).delete()


def _make(user: User, *, name: str, scope: str, tenant: Tenant | None, expires_at: datetime | None, replaces: str = "") -> CreatedToken:
    mfa.check(user)
    lifetime = expires_at - timezone.now() if expires_at else None
    token, key = ApiToken.objects.create(user=user, expiry=lifetime, name=name, scope=scope, tenant=tenant)
    gate.note(about=token, **_facts(token), **({"replaces": replaces} if replaces else {}))
    return CreatedToken(token, key)


def _facts(token: ApiToken) -> dict[str, Any]:
    """For the audit record: enough to recognise it, nothing to use it with."""
    return {"owner": token.user.username, "scope": token.scope, "begins_with": token.prefix, "expires_at": token.expiry}


def _refuse_more_than_own(actor: Actor, scope: str, tenant: Tenant | None) -> None:
    if SCOPE_RANK[TokenScope(scope)] > SCOPE_RANK[TokenScope(actor.scope)]:
        raise NotAllowed(f"A token of scope {actor.scope} cannot make one of scope {scope}.")
    if actor.only_tenant and (tenant is None or tenant.pk != actor.only_tenant):
        raise NotAllowed("This token is for one tenant and can only make tokens for that tenant.", hint="Send that tenant's id.")


def _check_expiry(actor: Actor, expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput(fields={"expires_at": "This time has passed."})
    ends = actor.token_expires_at
    if ends is not None and (expires_at is None or expires_at > ends):
        raise InvalidInput(
            fields={"expires_at": f"The token that asks ends at {ends:%Y-%m-%d %H:%M} UTC, and no key it makes lives longer."}
        )
    longest = settings.TOKEN_MAX_DAYS
    if longest and (expires_at is None or expires_at > timezone.now() + timedelta(days=longest, minutes=5)):
        raise InvalidInput(fields={"expires_at": f"Here a token lives {longest} days at most. Choose an earlier time."})
