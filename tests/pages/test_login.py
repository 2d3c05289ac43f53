"""Logging in: one sentence for every failure, `next` stays on the site, too many attempts are stopped, all of it is recorded."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import AuditEntry, User
from tests.conftest import PASSWORD

WRONG = "That user name and password do not match an account."
TOO_MANY = "Too many attempts."


def log_in(client: Client, username: str, password: str, **extra: str) -> str:
    return client.post("/login/", {"username": username, "password": password, **extra}).content.decode()


def test_the_right_password_leads_to_where_one_wanted_to_go(admin: User, client: Client) -> None:
    answer = client.post("/login/", {"username": "ada", "password": PASSWORD, "next": "/jobs/?state=failed"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/jobs/?state=failed")
    assert AuditEntry.objects.filter(operation="login", outcome="done", actor_label="ada").count() == 1


@pytest.mark.parametrize("away", ["https://example.com/", "//example.com/", "javascript:alert(1)"])
def test_next_stays_on_the_site(admin: User, client: Client, away: str) -> None:
    answer = client.post("/login/", {"username": "ada", "password": PASSWORD, "next": away})
    assert answer.headers["Location"] == "/"


def test_every_failure_reads_the_same(admin: User, client: Client) -> None:
    User.objects.create_user("gone", password=PASSWORD, is_active=False)
    for username, password in (("ada", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD)):
        assert WRONG in log_in(client, username, password)


def test_ten_failures_stop_an_account_whether_it_exists_or_not(admin: User, client: Client) -> None:
    for username in ("ada", "nobody"):
        for _ in range(10):
            assert WRONG in log_in(client, username, "wrong")
        assert TOO_MANY in log_in(client, username, PASSWORD)


def test_pages_need_a_login_and_come_back(client: Client, db: None) -> None:
    answer = client.get("/guests/?state=running")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/guests/%3Fstate%3Drunning")


def test_logout_takes_a_post(admin: User, client: Client) -> None:
    client.force_login(admin)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").status_code == 302
    assert client.get("/").status_code == 302
