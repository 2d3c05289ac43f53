"""The login form and the form for one's own password."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm

from kvmweb.forms import dress
from tenants import login_limit


class LoginForm(AuthenticationForm):
    """One sentence for every failure: which part was wrong, or whether the account exists, is not told."""

    error_messages = {
        "invalid_login": "That user name and password do not match an account.",
        "inactive": "That user name and password do not match an account.",
        "too_many": "Too many attempts. Wait five minutes, then try again.",
    }

    def clean(self) -> dict[str, Any]:
        login_limit.check(self)
        return super().clean()


class OwnPasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)
