"""Single sign-on against a real provider on loopback: who gets in as whom, and what is refused."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client

from accounts.groups import apply_roles, parse_roles
from tenants.actor import system_actor
from tenants.models import AuditEntry, Membership, SystemRole, Tenant, User
from tenants.services.users import change_user
from tests.accounts.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.conftest import PASSWORD

SITE = "http://testserver"


@pytest.fixture
def provider(settings: Any, db: None) -> Iterator[Provider]:
    running = Provider()
    running.start()
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_NAME = running.issuer, CLIENT_ID, "Example ID"
    app = {"provider_id": "oidc", "name": "Example ID", "client_id": CLIENT_ID, "secret": CLIENT_SECRET}
    options = {"server_url": running.issuer, "oauth_pkce_enabled": True, "scope": ["openid", "profile", "email"]}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [{**app, "settings": options}]}}
    settings.OIDC_CREATE_ACCOUNTS = True
    yield running
    running.stop()


def round_trip(
    client: Client, *, start: str = "/login/oidc/", data: dict[str, str] | None = None, change: Callable[[str], str] = str
) -> Any:
    """Our button, the provider's page, and back. `change`: what happens to the address on the way back."""
    return client.get(change(at_the_provider(client.post(start, data or {}))))


def at_the_provider(away: Any) -> str:
    """From our page to the provider's, and the address it sends the browser back to."""
    assert away.status_code == 200, away.content
    url = html.unescape(re.search(r'content="0; url=([^"]+)"', away.content.decode())[1])
    return requests.get(url, allow_redirects=False, timeout=5).headers["Location"].removeprefix(SITE)


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_first_login_makes_an_account_and_the_second_finds_it(provider: Provider) -> None:
    for _ in range(2):
        client = Client()
        answer = round_trip(client, data={"next": "/jobs/"})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/jobs/")
    user = User.objects.get(username="nina")
    assert (user.email, user.has_usable_password(), user.system_role) == ("nina@example.org", False, "")
    assert AuditEntry.objects.filter(operation="login", outcome="done", actor_label="nina", message="socialaccount").count() == 2
    assert not SocialToken.objects.exists()


def test_the_request_carries_state_nonce_and_pkce(provider: Provider) -> None:
    round_trip(Client())
    round_trip(Client())
    first, second = provider.seen
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 16
        assert first[name] != second[name]
    assert (first["code_challenge_method"], first["redirect_uri"]) == ("S256", f"{SITE}/login/oidc/callback/")


@pytest.mark.parametrize(
    "fault",
    [
        "wrong key",
        "no signature",
        "signed with the public key",
        "other nonce",
        "other issuer",
        "other audience",
        "other azp",
        "expired",
        "other userinfo",
    ],
)
def test_a_token_that_is_not_ours_lets_nobody_in(provider: Provider, fault: str) -> None:
    provider.faults = {fault}
    client = Client()
    answer = round_trip(client)
    assert answer.status_code == 401
    assert "did not work" in answer.content.decode()
    assert not is_logged_in(client)
    assert not User.objects.exists()
    assert AuditEntry.objects.filter(operation="login", outcome="refused", actor_label="oidc").count() == 1


def test_the_answer_to_another_browser_or_login_is_refused(provider: Provider) -> None:
    victim, attacker = Client(), Client()
    back = at_the_provider(attacker.post("/login/oidc/"))
    assert victim.get(back).status_code == 401
    assert attacker.get(back).status_code == 302
    assert attacker.get(back).status_code in (302, 401)  # logged in already, or the state is used up
    assert Client().get(back).status_code == 401
    assert round_trip(Client(), change=lambda url: url.replace("state=", "state=x")).status_code == 401


def test_an_account_with_the_same_address_or_name_is_not_taken_over(provider: Provider, admin: User) -> None:
    for field, value in (("email", "nina@example.org"), ("username", "Nina")):
        user = User.objects.create_user(
            "other" if field == "email" else value, password=PASSWORD, email="nina@example.org" if field == "email" else ""
        )
        client = Client()
        answer = round_trip(client)
        assert answer.status_code == 403
        assert "exists here already" in answer.content.decode()
        assert not is_logged_in(client)
        assert not SocialAccount.objects.exists()
        user.refresh_from_db()
        assert user.check_password(PASSWORD)
        user.delete()


def test_without_leave_to_make_accounts_an_unknown_person_is_told(provider: Provider, settings: Any) -> None:
    settings.OIDC_CREATE_ACCOUNTS = False
    answer = round_trip(Client())
    assert answer.status_code == 403
    assert "no account for you here" in answer.content.decode()
    assert not User.objects.exists()


def test_an_account_is_connected_by_its_owner_and_then_logs_in(provider: Provider, owner: User, log_in: Any, settings: Any) -> None:
    settings.OIDC_CREATE_ACCOUNTS = False
    mine = log_in("owen")
    assert round_trip(mine, start="/account/sso/connect/").headers["Location"] == "/account/"
    client = Client()
    assert round_trip(client).status_code == 302
    assert client.session["_auth_user_id"] == str(owner.pk)
    assert AuditEntry.objects.filter(operation="oidc.connect", actor_label="owen").count() == 1
    # A second person cannot connect the same subject.
    User.objects.create_user("eve", password=PASSWORD)
    round_trip(log_in("eve"), start="/account/sso/connect/")
    assert SocialAccount.objects.get().user == owner
    assert mine.post("/account/sso/disconnect/").status_code == 302
    assert round_trip(Client()).status_code == 403


def test_groups_become_roles_and_are_taken_back(provider: Provider, settings: Any, tenant: Tenant, other_tenant: Tenant) -> None:
    settings.OIDC_GROUP_ROLES = "kvm-ops=operator; kvm-admins=admin; web=acme/member; web-leads=acme/owner"
    provider.claims["groups"] = ["kvm-ops", "web", "web-leads", "unknown"]
    round_trip(Client())
    user = User.objects.get(username="nina")
    Membership.objects.create(tenant=other_tenant, user=user, role="viewer")
    assert (user.system_role, user.memberships.get(tenant=tenant).role) == (SystemRole.OPERATOR, "owner")
    provider.claims["groups"] = ["web"]
    round_trip(Client())
    user.refresh_from_db()
    assert (user.system_role, user.memberships.get(tenant=tenant).role) == ("", "member")
    provider.claims["groups"] = []
    round_trip(Client())
    assert list(user.memberships.values_list("tenant__name", "role")) == [("globex", "viewer")]
    assert AuditEntry.objects.filter(operation="account.sync_roles").count() == 3


def test_an_admin_by_groups_is_none_without_them_whatever_else_was_changed(provider: Provider, settings: Any, admin: User) -> None:
    settings.OIDC_GROUP_ROLES = "kvm-admins=admin"
    provider.claims["groups"] = ["kvm-admins"]
    round_trip(Client())
    user = User.objects.get(username="nina")
    # The form of the administration sets Django's own flags too.
    change_user(system_actor("test"), user, {"first_name": "Nina"})
    assert User.objects.get(pk=user.pk).is_superuser
    provider.claims["groups"] = []
    round_trip(Client())
    user.refresh_from_db()
    assert (user.system_role, user.is_superuser, user.is_staff) == ("", False, False)
    # A local admin stays: the way back in.
    assert apply_roles(admin, [], parse_roles(settings.OIDC_GROUP_ROLES), source="oidc") == []


def test_a_disabled_account_stays_out(provider: Provider) -> None:
    round_trip(Client())
    User.objects.update(is_active=False)
    client = Client()
    assert round_trip(client).headers["Location"] == "/login/refused/"
    assert not is_logged_in(client)
    assert "No account here" in client.get("/login/refused/").content.decode()


def test_a_second_factor_here_is_asked_for_all_the_same(provider: Provider, with_totp: Any) -> None:
    round_trip(Client())
    with_totp(User.objects.get())
    client = Client()
    assert round_trip(client).headers["Location"] == "/login/code/"
    assert not is_logged_in(client)


def test_a_provider_that_is_down_says_so_and_passwords_still_work(provider: Provider, admin: User) -> None:
    provider.stop()
    client = Client()
    answer = client.post("/login/oidc/")
    assert answer.status_code == 503
    assert "Local accounts can still log in" in answer.content.decode()
    assert client.post("/login/", {"username": "ada", "password": PASSWORD}).status_code == 302


def test_next_stays_on_the_site(provider: Provider) -> None:
    assert urlsplit(round_trip(Client(), data={"next": "https://example.com/"}).headers["Location"]).netloc == ""
