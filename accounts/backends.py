"""Passwords of accounts kept here. The directory's are in `accounts.ldap`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.names import user_called
from tenants.models import User

LONGEST_PASSWORD = 512
"""Hashing a megabyte is work that anybody could ask for."""


class NotTooLong:
    """A validator of new passwords: none that could not be logged in with."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > LONGEST_PASSWORD:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return f"At most {LONGEST_PASSWORD} characters."


class LocalBackend(ModelBackend):
    """One hash for every attempt, whether the account is unknown, disabled, without a password, or simply another one."""

    def authenticate(self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any) -> User | None:
        if not username or not password or len(password) > LONGEST_PASSWORD:
            return None
        user = user_called(username)
        if user is None:
            make_password(password)
            return None
        is_right = user.check_password(password)
        return user if is_right and self.user_can_authenticate(user) else None
