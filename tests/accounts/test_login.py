"""Logging in: no answer tells whether an account exists, the session gets a new key, old hashes are replaced, admin has the same door."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.test import Client

from kvmweb.own_names import default_hosts
from tenants.models import AuditEntry, User
from tests.accounts.conftest import try_login
from tests.conftest import PASSWORD

SLOW = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]


def test_unknown_wrong_disabled_and_without_a_password_read_the_same(admin: User) -> None:
    User.objects.create_user("gone", password=PASSWORD, is_active=False)
    User.objects.create_user("invited", password=None)
    tries = [
        ("ada", "wrong"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("gone", "wrong"),
        ("invited", PASSWORD),
        ("ada*", "x"),
        ("(ada", "x"),
    ]
    pages = {page_of(username, password) for username, password in tries}
    assert len(pages) == 1
    assert "do not match an account" in pages.pop()[1]


def page_of(username: str, password: str) -> tuple[int, str]:
    answer = try_login(username, password)
    return answer.status_code, re.sub(r'value="[A-Za-z0-9]{64}"', "", answer.content.decode()).replace(f'value="{username}"', "")


def test_unknown_wrong_and_disabled_take_the_same_time(settings: Any, db: None) -> None:
    """One hash of the same cost each. Medians, because this machine is busy."""
    settings.PASSWORD_HASHERS = SLOW
    for username, is_active in (("ada", True), ("gone", False)):
        User.objects.create_user(username, password=PASSWORD, is_active=is_active)

    def seconds(username: str) -> float:
        started = time.process_time()
        try_login(username, "wrong", address=f"192.0.2.{len(username)}")
        return time.process_time() - started

    took = {username: median(seconds(username) for _ in range(7)) for username in ("ada", "nobody", "gone")}
    assert max(took.values()) < 1.5 * min(took.values()), took
    assert min(took.values()) > 0.02


def test_the_session_gets_a_new_key_and_ends_with_the_browser(admin: User) -> None:
    client = Client()
    client.get("/login/")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    before = session.session_key
    answer = client.post("/login/", {"username": "ada", "password": PASSWORD})
    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()
    cookie = answer.cookies[next(name for name in answer.cookies if "session" in name)]
    assert (cookie["expires"], cookie["max-age"], cookie["httponly"], cookie["samesite"]) == ("", "", True, "Lax")
    assert 0 < client.session.get_expiry_age() <= 12 * 3600


def test_an_old_hash_is_replaced_at_the_next_login(admin: User, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [*SLOW, "django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.filter(pk=admin.pk).update(password=make_password(PASSWORD, hasher="md5"))
    assert try_login("ada", PASSWORD).status_code == 302
    admin.refresh_from_db()
    assert admin.password.startswith("pbkdf2_sha256$")


def test_a_megabyte_is_not_hashed(admin: User) -> None:
    started = time.process_time()
    assert try_login("ada", "x" * 500_000).status_code == 200
    assert time.process_time() - started < 1


def test_login_and_logout_are_recorded_with_how_and_where(admin: User, log_in: Callable[..., Client]) -> None:
    client = log_in("ada", address="203.0.113.5")
    client.post("/logout/")
    entries = list(AuditEntry.objects.order_by("pk").values_list("operation", "outcome", "actor_label", "address", "message"))
    assert entries == [("login", "done", "ada", "203.0.113.5", "password"), ("logout", "done", "ada", "203.0.113.5", "")]


@pytest.mark.parametrize(
    "path",
    ["/signup/", "/accounts/signup/", "/account/signup/", "/account/email/", "/login/code/request/", "/3rdparty/signup/", "/login/oidc/"],
)
def test_nobody_makes_an_account_or_adds_an_address(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code in (404, 405)
    assert client.post(path, {"username": "x", "password1": PASSWORD, "password2": PASSWORD, "email": "x@example.org"}).status_code in (
        404,
        405,
    )
    assert not User.objects.exists()


# -- administration -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/admin/", "/admin/tenants/tenant/", "/admin/login/"])
def test_the_administration_has_no_door_of_its_own(client: Client, db: None, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=/admin/")


def test_one_arrives_where_one_wanted(client: Client, admin: User) -> None:
    assert client.get("/admin/tenants/user/").headers["Location"] == "/login/?next=/admin/tenants/user/"
    answer = client.post("/login/?next=/admin/tenants/user/", {"username": "ada", "password": PASSWORD, "next": "/admin/tenants/user/"})
    assert answer.headers["Location"] == "/admin/tenants/user/"
    assert client.get("/admin/tenants/user/").status_code == 200


def test_who_is_no_admin_is_told_instead_of_going_in_circles(operator: User, client_for: Callable[[User], Client]) -> None:
    answer = client_for(operator).get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "for admins" in answer.content.decode()


def test_the_admins_own_password_form_is_ours(admin: User, client_for: Callable[[User], Client]) -> None:
    assert client_for(admin).get("/admin/password_change/").headers["Location"] == "/account/password/"


# -- what a stranger sends ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "elsewhere", ["http://203.0.113.5/", "//203.0.113.5/", "http://[2001:db8::1]/", "http://evil/", "http://evil.lan/"]
)
def test_one_never_arrives_at_another_host(admin: User, settings: Any, elsewhere: str) -> None:
    """Every one of them is a name by which the installation itself may be reached."""
    settings.ALLOWED_HOSTS = [*default_hosts(), "testserver"]
    assert Client().post("/login/", {"username": "ada", "password": PASSWORD, "next": elsewhere}).headers["Location"] == "/"


@pytest.mark.parametrize(
    "nonsense", ['{"id": "x", "type": "public-key", "response": {}}', "[" * 100_000, "1" * 5000, '"x"', '{"rawId": {}}']
)
def test_nonsense_for_a_passkey_is_refused(client: Client, db: None, nonsense: str) -> None:
    assert client.post("/login/passkey/", {"credential": nonsense}).headers["Location"] == "/login/"
