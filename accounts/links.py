"""A link with which somebody without a password, or who forgot it, chooses a new one: once, for a day."""

from __future__ import annotations

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from accounts.sessions import is_local
from kvmweb.errors import Conflict
from tenants.models import User


def reset_link(user: User, *, base: str = "") -> str:
    """Whoever has it may set the password; a second factor still stands. `base`: what the address begins with when no public URL is set."""
    if not user.is_active:
        raise Conflict(f"The account {user.username} is disabled.", hint="Make it active first.")
    if not is_local(user):
        raise Conflict(f"The password of {user.username} is kept elsewhere.", hint="Reset it in the directory or at the sign-on service.")
    where = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return (settings.PUBLIC_URL or base.rstrip("/")) + reverse("account_reset_password_from_key", kwargs=where)
