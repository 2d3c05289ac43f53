"""Whether a person must have a second factor, and whether one is set up. What follows from it is decided where it is asked.

Tenants that require it and the roles are here; the factors are rows of allauth, made by the room `accounts`.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings

from kvmweb.errors import NotAllowed
from tenants.models import Membership, User

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes come with one of these and are none by themselves."""

HINT = "Open the page Account, Two-factor, and set up an authenticator app or a passkey."


def is_required_of(user: User) -> bool:
    if settings.REQUIRE_MFA_FOR_STAFF and user.system_role:
        return True
    return Membership.objects.filter(user=user, tenant__is_active=True, tenant__require_mfa=True).exists()


def is_set_up_by(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists()


def is_missing(user: User) -> bool:
    return is_required_of(user) and not is_set_up_by(user)


def check(user: User) -> None:
    """Raise NotAllowed (code mfa_required) for a person who must have a second factor and has none."""
    if is_missing(user):
        raise NotAllowed("Your account needs a second factor before it may do this.", hint=HINT, code="mfa_required")
