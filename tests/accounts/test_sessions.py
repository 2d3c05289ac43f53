"""Where one is logged in: listed with device and address, ended for good; and what ends all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client

from accounts import sessions
from tenants.models import AuditEntry, User
from tests.conftest import PASSWORD

LogIn = Callable[..., Client]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def key_of(client: Client) -> str:
    return str(client.session.session_key)


def rows() -> set[str]:
    return set(Session.objects.values_list("session_key", flat=True))


def test_they_are_listed_with_device_address_and_which_is_this_one(admin: User, operator: User, log_in: LogIn) -> None:
    mine = log_in("ada", address="192.0.2.1", **{"User-Agent": FIREFOX})
    log_in("ada", address="198.51.100.2", **{"User-Agent": "curl/8.0"})
    log_in("olga", address="203.0.113.3")
    page = mine.get("/account/sessions/").content.decode()
    for text in ("Firefox on Linux", "192.0.2.1", "curl", "198.51.100.2"):
        assert text in page
    assert page.count("this one") == 1
    assert "203.0.113.3" not in page
    assert key_of(mine) not in page


def test_one_is_ended_and_its_row_is_gone(admin: User, log_in: LogIn) -> None:
    mine, other = log_in("ada"), log_in("ada")
    other_key = key_of(other)
    pk = UserSession.objects.get(session_key=other_key).pk
    assert mine.post(f"/account/sessions/{pk}/end/").status_code == 302
    assert rows() == {key_of(mine)}
    assert other.get("/account/").status_code == 302
    assert mine.get("/account/").status_code == 200
    assert AuditEntry.objects.filter(operation="session.revoke", actor_label="ada").count() == 1


def test_all_others_are_ended(admin: User, log_in: LogIn) -> None:
    mine, *others = [log_in("ada") for _ in range(3)]
    mine.post("/account/sessions/end-others/")
    assert rows() == {key_of(mine)}
    assert [client.get("/account/").status_code for client in others] == [302, 302]


def test_nobody_ends_a_session_of_somebody_else(admin: User, operator: User, log_in: LogIn) -> None:
    theirs, mine = log_in("olga"), log_in("ada")
    pk = UserSession.objects.get(session_key=key_of(theirs)).pk
    mine.post(f"/account/sessions/{pk}/end/")
    mine.post("/account/sessions/end-others/")
    assert theirs.get("/account/").status_code == 200
    assert not AuditEntry.objects.filter(operation="session.revoke", target_name="olga").exists()


def test_logging_out_deletes_both_rows(admin: User, log_in: LogIn) -> None:
    client = log_in("ada")
    client.post("/logout/")
    assert (Session.objects.count(), UserSession.objects.count()) == (0, 0)


def by_its_owner(user: User, mine: Client) -> None:
    new = "a better password"
    answer = mine.post("/account/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert answer.headers["Location"] == "/account/"


def by_code(user: User, mine: Client) -> None:
    user.set_password("a better password")
    user.save()


def by_disabling(user: User, mine: Client) -> None:
    user.is_active = False
    user.save(update_fields=["is_active"])


@pytest.mark.parametrize(("change", "kept"), [(by_its_owner, 1), (by_code, 0), (by_disabling, 0)])
def test_what_takes_the_ground_away_ends_sessions(admin: User, log_in: LogIn, change: Any, kept: int) -> None:
    mine, other = log_in("ada"), log_in("ada")
    change(admin, mine)
    assert len(rows()) == kept
    assert other.get("/account/").status_code == 302
    assert mine.get("/account/").status_code == (200 if kept else 302)


def test_other_changes_end_nothing(admin: User, log_in: LogIn) -> None:
    client = log_in("ada")
    admin.first_name = "Ada"
    admin.save()
    client.post("/account/", {"first_name": "Augusta", "last_name": "King", "email": "ada@example.org"})
    assert client.get("/account/").status_code == 200
    assert User.objects.get(pk=admin.pk).email == "ada@example.org"


def test_an_admin_ends_them_all(admin: User, operator: User, log_in: LogIn, client_for: Callable[[User], Client]) -> None:
    theirs = log_in("olga")
    client_for(admin).post("/admin/tenants/user/", {"action": "end_all_sessions", "_selected_action": [str(operator.pk)]})
    assert theirs.get("/account/").status_code == 302


def test_last_seen_is_written_once_a_minute(admin: User, log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts import middleware

    client = log_in("ada")
    client.get("/account/")
    before = UserSession.objects.get().last_seen_at
    client.get("/account/")
    assert UserSession.objects.get().last_seen_at == before
    now = middleware.time.monotonic() + 61
    monkeypatch.setattr(middleware.time, "monotonic", lambda: now)
    client.get("/account/", REMOTE_ADDR="203.0.113.77")
    row = UserSession.objects.get()
    assert row.last_seen_at > before
    assert row.ip == "203.0.113.77"


def test_a_session_ends_twelve_hours_after_the_login_however_busy_it_is(admin: User, log_in: LogIn) -> None:
    client = log_in("ada")
    session = client.session
    session["logged_in_at"] -= 12 * 3600 - 60
    session.save()
    assert client.get("/account/").status_code == 200
    session["logged_in_at"] -= 120
    session.save()
    assert client.get("/api/v1/me/").status_code == 401
    assert client.get("/account/").status_code == 302
    assert not Session.objects.filter(session_key=session.session_key).exists()


def test_a_session_that_came_another_way_is_listed_too(admin: User, client_for: Callable[[User], Client]) -> None:
    client = client_for(admin)
    client.get("/account/")
    assert "this one" in client.get("/account/sessions/").content.decode()


def test_what_is_over_is_forgotten(admin: User, log_in: LogIn) -> None:
    log_in("ada")
    Session.objects.update(expire_date="2020-01-01T00:00:00Z")
    sessions.forget_expired()
    assert (Session.objects.count(), UserSession.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge on Windows"),
        ("curl/8.0", "curl"),
        ("", "Unknown browser"),
        ("\u202eevil<script>", "evil<script>"),
    ],
)
def test_devices_have_names(agent: str, words: str) -> None:
    assert sessions.device(agent) == words


def test_the_command_prints_a_link_that_works_once(admin: User, log_in: LogIn, capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.PUBLIC_URL = "https://kvm.example.org"
    session = log_in("ada")
    call_command("reset_password_link", "ADA")
    link = capsys.readouterr().out.strip()
    assert link.startswith("https://kvm.example.org/password/reset/key/")
    assert use_link(link.removeprefix("https://kvm.example.org"), "a password by link") == 302
    assert use_link(link.removeprefix("https://kvm.example.org"), "another password x") == 200
    admin.refresh_from_db()
    assert admin.check_password("a password by link")
    assert session.get("/account/").status_code == 302
    assert set(AuditEntry.objects.values_list("operation", flat=True)) >= {"password.link", "password.reset"}


def use_link(path: str, password: str) -> int:
    client = Client()
    first = client.get(path)
    where = first.headers.get("Location", path)
    return client.post(where, {"password1": password, "password2": password}).status_code


def test_the_admin_makes_a_link_too(admin: User, operator: User, client_for: Callable[[User], Client]) -> None:
    client = client_for(admin)
    change = {"action": "make_reset_link", "_selected_action": [str(operator.pk)]}
    page = client.post("/admin/tenants/user/", change, follow=True).content.decode()
    path = page.split("http://testserver", 1)[1].split("<")[0].strip()
    assert use_link(path, "a password by link") == 302


def test_a_link_dies_with_a_login_and_of_age(admin: User, monkeypatch: pytest.MonkeyPatch, log_in: LogIn, settings: Any) -> None:
    from accounts.links import reset_link

    used = reset_link(admin)
    log_in("ada")
    assert use_link(used, "a password by link") == 200
    admin.refresh_from_db()
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert use_link(reset_link(admin), "a password by link") == 200


def test_without_mail_the_page_says_whom_to_ask(client: Client, db: None) -> None:
    assert "Ask an admin" in client.get("/password/reset/").content.decode()
    assert client.post("/password/reset/", {"email": "ada@example.org"}).status_code == 302


def test_a_link_is_sent_and_nobody_learns_whether(admin: User, settings: Any, mailoutbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_URL, settings.PUBLIC_URL = "dummymail://", "https://kvm.example.org"
    User.objects.filter(pk=admin.pk).update(email="ada@example.org")
    from accounts import adapters

    monkeypatch.setattr(adapters.threading.Thread, "start", lambda thread: thread.run())
    answers = []
    for address in ("ada@example.org", "nobody@example.org"):
        client = Client(headers={"Host": "testserver"})
        answers.append(client.post("/password/reset/", {"email": address}, follow=True).content.decode().split("<main")[1])
    assert answers[0] == answers[1]
    assert [mail.to for mail in mailoutbox] == [["ada@example.org"]]
    link = next(line for line in mailoutbox[0].body.splitlines() if line.startswith("https://"))
    assert use_link(link.removeprefix("https://kvm.example.org"), "a password by mail") == 302


def test_bad_new_passwords_are_refused(admin: User, log_in: LogIn) -> None:
    client = log_in("ada")
    for bad in ("short", "password123", "ada"):
        assert client.post("/account/password/", {"oldpassword": PASSWORD, "password1": bad, "password2": bad}).status_code == 200
    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)


def test_a_password_too_long_to_log_in_with_is_refused(admin: User, log_in: LogIn) -> None:
    client = log_in("ada")
    long = "a good password " * 40
    assert client.post("/account/password/", {"oldpassword": PASSWORD, "password1": long, "password2": long}).status_code == 200
    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)


def test_the_address_for_reset_links_changes_only_after_confirming(admin: User, client_for: Callable[[User], Client]) -> None:
    client = client_for(admin)  # logged in long ago
    profile = {"first_name": "Augusta", "last_name": "King", "email": admin.email}
    assert client.post("/account/", profile).headers["Location"] == "/account/"
    asked = client.post("/account/", {**profile, "email": "thief@example.org"})
    assert asked.headers["Location"].startswith("/account/confirm/")
    admin.refresh_from_db()
    assert (admin.first_name, admin.email) == ("Augusta", profile["email"])
    client.post(asked.headers["Location"], {"password": PASSWORD})
    admin.refresh_from_db()
    assert admin.email == "thief@example.org"
