"""Who belongs to a tenant, in which role."""

from __future__ import annotations

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from kvmweb.errors import InvalidInput, NotAllowed, NotFound
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import Membership, Tenant, User


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
