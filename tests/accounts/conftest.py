"""People who log in through the real pages, from the address and with the browser a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.test import Client

from tenants.models import User
from tests.conftest import PASSWORD

SECRET = generate_totp_secret()


def code_for(secret: str, *, step: int = 0) -> str:
    """The app's code for now, or for `step` steps from now."""
    now = list(yield_hotp_counters_from_time())[1]
    return format_hotp_value(hotp_value(secret, now + step))


@pytest.fixture
def with_totp(db: None) -> Callable[[User], Authenticator]:
    def give(user: User) -> Authenticator:
        RecoveryCodes.activate(user)
        return TOTP.activate(user, SECRET).instance

    return give


@pytest.fixture
def log_in() -> Callable[..., Client]:
    """log_in("ada", address=...): a client whose session went through the login page."""

    def do(username: str, password: str = PASSWORD, *, address: str = "192.0.2.10", **headers: Any) -> Client:
        client = Client(REMOTE_ADDR=address, headers=headers)
        answer = client.post("/login/", {"username": username, "password": password})
        assert answer.status_code == 302, answer.content
        return client

    return do


def try_login(username: str, password: str, *, address: str = "192.0.2.10") -> Any:
    return Client(REMOTE_ADDR=address).post("/login/", {"username": username, "password": password})
