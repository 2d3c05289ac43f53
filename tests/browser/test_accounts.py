"""Logging in as a person does: an authenticator app, a passkey in Chromium's own virtual authenticator, and sessions that end."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace

import pytest

from tests.accounts.conftest import code_for
from tests.browser.conftest import OpenWindow, Site, Window

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PASSWORD = "correct horse battery staple"


@pytest.fixture
def person(admin: Window) -> str:
    """An account of its own for each test, made in the administration."""
    name = f"person-{secrets.token_hex(4)}"
    page = admin.go("/admin/tenants/user/add/")
    for field, value in (("username", name), ("password1", PASSWORD), ("password2", PASSWORD)):
        page.locator(f"input[name={field}]").fill(value)
    page.locator("input[name=_save]").click()
    page.wait_for_url(re.compile(r"/change/"))
    return name


def at_localhost(window: Window) -> Window:
    """Passkeys need a secure context: HTTPS, or localhost by name."""
    window.site = replace(window.site, url=window.site.url.replace("127.0.0.1", "localhost"))
    return window


def test_an_app_is_set_up_and_asked_for_at_the_next_login(open_window: OpenWindow, person: str) -> None:
    window = open_window().log_in(person, PASSWORD)
    page = window.go("/account/two-factor/")
    page.get_by_role("link", name="Set up").click()
    secret = page.locator("[data-copy]").first.get_attribute("data-copy")
    assert page.locator("img.qr-code").evaluate("image => image.naturalWidth") > 0
    page.get_by_label("Code from the app").fill(code_for(secret, step=-1))
    page.get_by_role("button", name="Turn on").click()
    assert len(page.locator("pre.codes").inner_text().split()) == 10
    page.get_by_role("link", name="I have kept them").click()
    other = open_window()
    page = other.go("/login/?next=/jobs/")
    page.get_by_label("User name").fill(person)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_text("not right").wait_for()
    page.get_by_label("Code").fill(code_for(secret))
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(other.site.url + "/jobs/")


def test_a_passkey_logs_in_alone_and_after_it_is_removed_no_more(open_window: OpenWindow, person: str) -> None:
    window = at_localhost(open_window())
    authenticator = add_authenticator(window)
    window.log_in(person, PASSWORD)
    page = window.go("/account/two-factor/passkeys/add/")
    page.get_by_label("Name").fill("blue key")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/account/two-factor/codes/")
    assert len(authenticator.send("WebAuthn.getCredentials", {"authenticatorId": authenticator.id})["credentials"]) == 1
    log_out(window)
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url(window.site.url + "/")
    # As the second factor after the password, too.
    log_out(window)
    page.get_by_label("User name").fill(person)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.wait_for_url(window.site.url + "/")
    page = window.go("/account/two-factor/")
    assert page.get_by_role("cell", name="blue key").is_visible()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/account/two-factor/")
    log_out(window)
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_role("alert").get_by_text("not right").wait_for()


def test_a_session_ended_elsewhere_is_over(open_window: OpenWindow, person: str) -> None:
    first, second = open_window().log_in(person, PASSWORD), open_window().log_in(person, PASSWORD)
    page = first.go("/account/sessions/")
    assert page.get_by_text("this one").count() == 1
    page.get_by_role("button", name="End all others").click()
    page.get_by_text("You are logged in here only").wait_for()
    assert "/login/" in second.go("/account/").url
    # The live socket of the other page is refused, which its console notes.
    second.complaints.clear()


def test_the_pages_fit_a_phone_and_have_both_themes(open_window: OpenWindow, site: Site) -> None:
    for theme in ("dark", "light"):
        window = open_window("narrow").theme(theme).log_in("admin", site.password)
        for path in ("", "password/", "two-factor/", "two-factor/app/", "two-factor/passkeys/add/", "sessions/", "ssh-keys/"):
            page = window.go(f"/account/{path}")
            assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth + 1"), path


# -- the virtual authenticator ------------------------------------------------------------------------------------------------------
class Authenticator:
    def __init__(self, window: Window) -> None:
        self.session = window.context.new_cdp_session(window.page)
        self.session.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
        self.id = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def send(self, method: str, parameters: dict[str, object]) -> dict[str, list[object]]:
        return dict(self.session.send(method, parameters))


def add_authenticator(window: Window) -> Authenticator:
    return Authenticator(window)


def log_out(window: Window) -> None:
    page = window.page
    page.locator("[popovertarget=user-menu]").click()
    page.locator("#user-menu").get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login/")
