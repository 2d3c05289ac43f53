"""What a user name may be and whose it is: one answer for the login, the throttle and the directory."""

from __future__ import annotations

import re
import unicodedata

from tenants.models import User

# As Django's own validator, but ASCII for what a directory is asked: fewer spellings of the same name.
_PLAIN = re.compile(r"[\w.@+-]{1,150}\Z")


def cleaned(username: str) -> str:
    """The name as it is looked up, or "" for what cannot be one."""
    name = unicodedata.normalize("NFKC", username).strip()
    return name if _PLAIN.match(name) else ""


def user_called(username: str) -> User | None:
    name = cleaned(username)
    return User.objects.filter(username__iexact=name).first() if name else None


def account_key(username: str) -> str:
    """What the throttle counts by: the account, however its name was spelt; else the name itself."""
    user = user_called(username)
    return f"user:{user.pk}" if user else f"name:{(cleaned(username) or username[:150]).casefold()}"
