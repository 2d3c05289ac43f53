"""Ten failures in fifteen minutes for an account from one address; other addresses and accounts go on; parallel guesses count too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection, connections
from django.test import Client

from accounts import throttle
from accounts.models import LoginBucket
from tenants.models import AuditEntry, User
from tests.accounts.conftest import SECRET, code_for, try_login
from tests.conftest import PASSWORD

WRONG, TOO_MANY = "do not match an account", "Too many attempts"
HERE, ELSEWHERE = "192.0.2.10", "198.51.100.7"


def fail(username: str, times: int, *, address: str = HERE) -> list[int]:
    return [try_login(username, "wrong", address=address).status_code for _ in range(times)]


@pytest.mark.parametrize("username", ["ada", "nobody"])
def test_ten_failures_are_answered_and_the_eleventh_is_not_even_checked(admin: User, username: str) -> None:
    assert fail(username, 10) == [200] * 10
    refused = try_login(username, PASSWORD)
    assert (refused.status_code, TOO_MANY in refused.content.decode()) == (429, True)
    assert 0 < int(refused.headers["Retry-After"]) <= 900


def test_the_right_password_from_another_address_still_works(admin: User) -> None:
    fail("ada", 11)
    assert try_login("ada", PASSWORD, address=ELSEWHERE).status_code == 302
    assert try_login("ada", PASSWORD).status_code == 429


def test_another_account_from_the_same_address_still_works(admin: User, operator: User) -> None:
    fail("ada", 11)
    assert try_login("olga", PASSWORD).status_code == 302


def test_an_address_has_sixty_failures_over_all_accounts(operator: User) -> None:
    for number in range(6):
        fail(f"person-{number}", 10)
    assert try_login("olga", PASSWORD).status_code == 429
    assert try_login("olga", PASSWORD, address=ELSEWHERE).status_code == 302


def test_a_right_password_begins_anew_for_the_account_but_not_for_the_address(admin: User) -> None:
    fail("ada", 9)
    assert try_login("ada", PASSWORD).status_code == 302
    assert fail("ada", 10) == [200] * 10
    assert try_login("ada", "wrong").status_code == 429
    address = LoginBucket.objects.get(key=throttle._key("address", HERE))
    assert len(address.attempts) == 19


@pytest.mark.parametrize("spelling", ["ADA", " ada ", "Ada", "\uff41da"])
def test_another_spelling_of_the_name_is_the_same_account(admin: User, spelling: str) -> None:
    fail("ada", 10)
    assert try_login(spelling, PASSWORD).status_code == 429


def test_an_ipv6_network_is_one_address(admin: User) -> None:
    fail("ada", 10, address="2001:db8::1")
    assert try_login("ada", PASSWORD, address="2001:db8::ffff").status_code == 429
    assert try_login("ada", PASSWORD, address="2001:db8:1::1").status_code == 302


def test_it_is_over_after_fifteen_minutes(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    fail("ada", 11)
    later = time.time() + throttle.WINDOW_S + 1
    monkeypatch.setattr(throttle.time, "time", lambda: later)
    assert fail("ada", 10) == [200] * 10
    assert try_login("ada", PASSWORD).status_code == 429


def test_every_failure_is_recorded_and_the_lock_once(admin: User) -> None:
    fail("ada", 15)
    refused = AuditEntry.objects.filter(operation="login", outcome="refused")
    assert refused.filter(message="").count() == 10
    assert refused.filter(message__startswith=TOO_MANY).count() == 1
    assert set(refused.values_list("address", flat=True)) == {HERE}


# -- other guesses ------------------------------------------------------------------------------------------------------------------
def test_codes_of_the_second_factor_are_counted(admin: User, with_totp: Callable[[User], Authenticator], log_in: Any) -> None:
    with_totp(admin)
    client = log_in("ada")
    for _ in range(10):
        assert "not right" in client.post("/login/code/", {"code": "000000"}).content.decode()
    assert TOO_MANY in client.post("/login/code/", {"code": code_for(SECRET)}).content.decode()
    # The password alone is not what is locked, and another address may go on.
    elsewhere = log_in("ada", address=ELSEWHERE)
    assert elsewhere.post("/login/code/", {"code": code_for(SECRET)}).status_code == 302


def test_recovery_codes_are_counted_with_the_others(admin: User, with_totp: Callable[[User], Authenticator], log_in: Any) -> None:
    with_totp(admin)
    good = Authenticator.objects.get(user=admin, type="recovery_codes").wrap().get_unused_codes()[0]
    client = log_in("ada")
    for number in range(10):
        client.post("/login/code/", {"code": f"{number:08}"})
    assert client.post("/login/code/", {"code": good}).status_code == 200
    assert log_in("ada", address=ELSEWHERE).post("/login/code/", {"code": good}).status_code == 302


def test_codes_are_counted_over_all_addresses(admin: User, with_totp: Callable[[User], Authenticator], log_in: Any) -> None:
    """Who has the password and a large network would have a million codes guessed within the hour."""
    with_totp(admin)
    for number in range(3):
        client = log_in("ada", address=f"203.0.113.{number}")
        for _ in range(10):
            client.post("/login/code/", {"code": "000000"})
    client = log_in("ada", address=ELSEWHERE)
    assert TOO_MANY in client.post("/login/code/", {"code": code_for(SECRET)}).content.decode()


def test_the_current_password_is_counted_when_it_is_changed(admin: User, log_in: Any) -> None:
    client = log_in("ada")
    new = {"password1": "another good password", "password2": "another good password"}
    for _ in range(10):
        client.post("/account/password/", {"oldpassword": "wrong", **new})
    assert TOO_MANY in client.post("/account/password/", {"oldpassword": PASSWORD, **new}).content.decode()
    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)


def test_confirming_the_password_is_counted(admin: User, client_for: Callable[[User], Client]) -> None:
    client = client_for(admin)
    for _ in range(10):
        client.post("/account/confirm/", {"password": "wrong"})
    assert TOO_MANY in client.post("/account/confirm/", {"password": PASSWORD}).content.decode()


def test_requests_for_a_new_password_are_counted(admin: User, settings: Any) -> None:
    settings.EMAIL_URL, settings.PUBLIC_URL = "dummymail://", "https://kvm.example.org"
    client = Client()
    for _ in range(10):
        assert client.post("/password/reset/", {"email": "x@example.org"}).status_code == 302
    assert TOO_MANY in client.post("/password/reset/", {"email": "x@example.org"}).content.decode()


# -- races ----------------------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [50])
def test_parallel_guesses_never_get_more_than_ten_checks(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("ada", password=PASSWORD)
    checked, barrier, answers = [], threading.Barrier(size), []
    monkeypatch.setattr(User, "check_password", lambda self, raw: checked.append(raw) or False)

    def guess(number: int) -> None:
        try:
            barrier.wait(30)
            answers.append(try_login("ada", f"wrong {number}").status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(checked) == 10, connection.vendor
    assert sorted(answers) == [200] * 10 + [429] * (size - 10)


def test_expired_counters_are_forgotten(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    fail("ada", 1)
    assert throttle.forget_expired() == 0
    LoginBucket.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert throttle.forget_expired() == 2
