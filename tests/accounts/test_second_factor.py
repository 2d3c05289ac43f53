"""Second factors: setting up, logging in, each code once, removal; and what happens to people who must have one and have none."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData
from rest_framework.test import APIClient

from accounts.codes import use_code
from accounts.models import DirectoryAccount
from tenants.actor import Actor
from tenants.models import ApiToken, AuditEntry, Tenant, User
from tests.accounts.conftest import SECRET, code_for
from tests.conftest import PASSWORD

LogIn = Callable[..., Client]
AFTER_COMMIT = pytest.mark.django_db(transaction=True)
"""What follows from a change of factors follows after its commit."""


def set_up_totp(client: Client) -> list[str]:
    """Through the pages, as a person does. The recovery codes shown at the end."""
    client.get("/account/two-factor/app/")
    secret = client.session["mfa.totp.secret"]
    done = client.post("/account/two-factor/app/", {"code": code_for(secret)})
    assert (done.status_code, done.headers["Location"]) == (302, "/account/two-factor/codes/")
    page = client.get("/account/two-factor/codes/").content.decode()
    return page.split('class="codes mono">')[1].split("</pre>")[0].split()


@AFTER_COMMIT
def test_an_app_is_set_up_and_then_asked_for(admin: User, log_in: LogIn) -> None:
    client = log_in("ada")
    codes = set_up_totp(client)
    assert len(codes) == 10
    fresh = log_in("ada")
    assert fresh.get("/").headers["Location"].startswith("/login/")
    totp = Authenticator.objects.get(user=admin, type="totp")
    from accounts.adapters import MfaAdapter

    secret = MfaAdapter().decrypt(totp.data["secret"])
    assert fresh.post("/login/code/", {"code": code_for(secret, step=1)}).status_code == 302
    assert fresh.get("/account/").status_code == 200
    operations = list(AuditEntry.objects.filter(actor_label="ada").order_by("pk").values_list("operation", "message"))
    assert ("mfa.add", "TOTP Authenticator") in operations
    assert operations[-1] == ("login", "password, totp")


def test_secrets_are_encrypted_at_rest(admin: User, log_in: LogIn) -> None:
    client = log_in("ada")
    client.get("/account/two-factor/app/")
    secret = client.session["mfa.totp.secret"]
    codes = None
    client.post("/account/two-factor/app/", {"code": code_for(secret)})
    codes = Authenticator.objects.get(user=admin, type="recovery_codes").wrap().get_unused_codes()
    with connection.cursor() as cursor:
        cursor.execute("select data from mfa_authenticator")
        stored = str(cursor.fetchall())
    assert secret not in stored
    assert not [code for code in codes if code in stored]
    assert "mfa.totp.secret" not in client.session


@AFTER_COMMIT
def test_recovery_codes_are_shown_once(admin: User, log_in: LogIn) -> None:
    client = log_in("ada")
    codes = set_up_totp(client)
    again = client.get("/account/two-factor/codes/").content.decode()
    assert not [code for code in codes if code in again]
    client.post("/account/two-factor/codes/new/")
    assert AuditEntry.objects.filter(operation="mfa.new_codes").count() == 1
    assert use_code(admin, codes[0]) is None


def test_each_code_is_good_once(admin: User, with_totp: Any, log_in: LogIn) -> None:
    with_totp(admin)
    recovery = Authenticator.objects.get(user=admin, type="recovery_codes").wrap().get_unused_codes()[0]
    for code in (code_for(SECRET), recovery):
        first, second = log_in("ada"), log_in("ada", address="198.51.100.9")
        assert first.post("/login/code/", {"code": code}).status_code == 302
        assert second.post("/login/code/", {"code": code}).status_code == 200
    # Nor an older one after a newer one.
    assert use_code(admin, code_for(SECRET, step=-1)) is None
    assert use_code(admin, code_for(SECRET, step=1)) is not None


def test_the_code_page_needs_the_password_before(admin: User, with_totp: Any, client: Client) -> None:
    with_totp(admin)
    assert client.post("/login/code/", {"code": code_for(SECRET)}).headers["Location"] == "/login/"
    assert client.get("/account/").status_code == 302


def test_one_can_log_in_as_somebody_else_instead(admin: User, with_totp: Any, log_in: LogIn, operator: User) -> None:
    with_totp(admin)
    client = log_in("ada")
    assert client.get("/login/").headers["Location"] == "/login/code/"
    client.post("/logout/")
    assert client.post("/login/", {"username": "olga", "password": PASSWORD}).status_code == 302
    assert client.get("/account/").status_code == 200


def test_next_survives_the_second_page(admin: User, with_totp: Any) -> None:
    with_totp(admin)
    client = Client()
    client.post("/login/?next=/jobs/", {"username": "ada", "password": PASSWORD, "next": "/jobs/"})
    assert client.post("/login/code/", {"code": code_for(SECRET)}).headers["Location"] == "/jobs/"


def test_setting_up_and_removing_ask_who_it_is(admin: User, with_totp: Any, client_for: Callable[[User], Client]) -> None:
    client = client_for(admin)  # logged in long ago
    for path in ("/account/two-factor/app/", "/account/two-factor/passkeys/add/", "/account/sessions/end-others/"):
        assert client.post(path).headers["Location"].startswith("/account/confirm/"), path
    client.post("/account/confirm/", {"password": PASSWORD})
    assert client.get("/account/two-factor/app/").status_code == 200
    assert not Authenticator.objects.exists()


def test_the_app_is_removed_with_its_recovery_codes(admin: User, with_totp: Any, log_in: LogIn) -> None:
    with_totp(admin)
    client = log_in("ada")
    client.post("/login/code/", {"code": code_for(SECRET)})
    client.post("/account/two-factor/app/remove/")
    assert not Authenticator.objects.exists()
    assert AuditEntry.objects.filter(operation="mfa.remove").count() == 1


@AFTER_COMMIT
def test_the_first_factor_ends_sessions_that_had_the_password_alone(admin: User, log_in: LogIn) -> None:
    other, mine = log_in("ada"), log_in("ada")
    set_up_totp(mine)
    assert other.get("/account/").status_code == 302
    assert mine.get("/account/").status_code == 200


# -- required ---------------------------------------------------------------------------------------------------------------------------
@pytest.fixture(params=["staff", "tenant"])
def bound(request: pytest.FixtureRequest, settings: Any, operator: User, member: User, tenant: Tenant) -> User:
    """Somebody who must have a second factor and has none."""
    if request.param == "staff":
        settings.REQUIRE_MFA_FOR_STAFF = True
        return operator
    Tenant.objects.filter(pk=tenant.pk).update(require_mfa=True)
    return member


def test_pages_lead_to_the_set_up_and_open_after_it(bound: User, log_in: LogIn) -> None:
    client = log_in(bound.username)
    for path in ("/", "/guests/", "/jobs/", "/account/ssh-keys/", "/api/v1/docs/", "/admin/"):
        assert client.get(path).headers["Location"] == "/account/two-factor/", path
    assert client.post("/tenants/choose/", {"tenant": "x"}).headers["Location"] == "/account/two-factor/"
    assert client.get("/guests/", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/account/two-factor/"
    assert "requires a second factor" in client.get("/account/two-factor/").content.decode()
    set_up_totp(client)
    assert client.get("/guests/").status_code == 200


def test_rest_with_the_session_says_what_to_do(bound: User, log_in: LogIn) -> None:
    client = log_in(bound.username)
    for method, path in (("get", "me/"), ("get", "guests/"), ("post", "tokens/")):
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            answer = getattr(client, method)(f"/api/v1/{path}", content_type="application/json", headers=headers)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (403, "mfa_required"), path
            assert "Two-factor" in error["hint"]


def test_nothing_is_seen_anywhere_without_it(bound: User) -> None:
    """Sockets and consoles make their actor in the same place."""
    from tenants.sessions import actor_of_session

    actor: Actor = actor_of_session(bound, {})
    assert (actor.lacks_mfa, actor.system_role, actor.roles, actor.scope) == (True, "", {}, "read")


def test_it_is_never_a_lock_out(bound: User, log_in: LogIn) -> None:
    client = log_in(bound.username)
    for path in ("/account/", "/account/password/", "/account/two-factor/", "/account/two-factor/app/", "/account/sessions/"):
        assert client.get(path).status_code == 200, path
    assert client.get("/account/two-factor/passkeys/add/").status_code == 200
    assert client.post("/logout/").status_code == 302


def test_tokens_go_on_but_make_no_new_ones(bound: User, api_for: Callable[..., APIClient]) -> None:
    api = api_for(bound)
    assert api.get("/api/v1/guests/").status_code == 200
    answer = api.post("/api/v1/tokens/", {"name": "more"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "mfa_required")
    assert ApiToken.objects.count() == 1


def test_the_last_factor_stays_while_it_is_required(bound: User, with_totp: Any, log_in: LogIn) -> None:
    with_totp(bound)
    client = log_in(bound.username)
    client.post("/login/code/", {"code": code_for(SECRET)})
    page = client.get("/account/two-factor/app/remove/").content.decode()
    assert "Add another one first" in page
    client.post("/account/two-factor/app/remove/")
    assert Authenticator.objects.filter(user=bound, type="totp").exists()


def test_others_are_not_asked(owner: User, settings: Any, log_in: LogIn, other_tenant: Tenant) -> None:
    settings.REQUIRE_MFA_FOR_STAFF = True
    Tenant.objects.filter(pk=other_tenant.pk).update(require_mfa=True)
    assert log_in("owen").get("/guests/").status_code == 200


def test_an_admin_removes_the_factor_of_who_lost_the_phone(admin: User, operator: User, with_totp: Any, client_for: Any) -> None:
    with_totp(operator)
    change = {"action": "remove_second_factors", "_selected_action": [str(operator.pk)]}
    assert client_for(admin).post("/admin/tenants/user/", change).status_code == 302
    assert not Authenticator.objects.exists()
    entry = AuditEntry.objects.get(operation="mfa.remove")
    assert (entry.actor_label, entry.target_name) == ("ada", "olga")
    assert json.dumps(entry.details).count(SECRET) == 0


# -- passkeys ---------------------------------------------------------------------------------------------------------------------------
class SecurityKey:
    """What a person holds, in software: it signs for whoever touches it."""

    def __init__(self, user: User) -> None:
        self.user, self.id = user, user.username.encode() * 8
        self.private = ec.generate_private_key(ec.SECP256R1())
        held = AttestedCredentialData.create(bytes(16), self.id, ES256.from_cryptography_key(self.private.public_key()))
        made = AttestationObject.create("none", self._data(AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT, held), {})
        client = CollectedClientData.create("webauthn.create", b"c" * 32, "https://testserver")
        WebAuthn.add(user, "key", self._answer(clientDataJSON=client, attestationObject=made))

    def touch(self, client: Client, *, verified: bool) -> str:
        """Answers the challenge in the client's session. `verified`: with the PIN."""
        flags = AuthenticatorData.FLAG.UP | (AuthenticatorData.FLAG.UV if verified else 0)
        asked = CollectedClientData.create("webauthn.get", client.session["mfa.webauthn.state"]["challenge"], "https://testserver")
        data = self._data(AuthenticatorData.FLAG(flags))
        signature = self.private.sign(data + asked.hash, ec.ECDSA(hashes.SHA256()))
        who = self.user.pk.hex.encode()
        return json.dumps(self._answer(clientDataJSON=asked, authenticatorData=data, signature=signature, userHandle=who))

    def _data(self, flags: AuthenticatorData.FLAG, held: bytes = b"") -> AuthenticatorData:
        return AuthenticatorData.create(sha256(b"testserver").digest(), flags, 0, held)

    def _answer(self, **response: bytes) -> dict[str, Any]:
        key_id = websafe_encode(self.id)
        encoded = {name: websafe_encode(value) for name, value in response.items()}
        return {"id": key_id, "rawId": key_id, "type": "public-key", "response": encoded, "clientExtensionResults": {}}


def test_a_key_that_asked_for_no_pin_opens_nothing_alone(admin: User, operator: User, log_in: LogIn) -> None:
    key = SecurityKey(admin)
    SecurityKey(operator)
    # olga has a stolen key of ada's, and a challenge that is content with a touch: the one after her own password, left to expire.
    client = log_in("olga")
    client.get("/login/code/")
    session = client.session
    session["account_login"]["initiated_at"] -= 3600
    session.save()
    client.post("/login/passkey/", {"credential": key.touch(client, verified=False)})
    assert "_auth_user_id" not in client.session
    client.get("/login/passkey/", headers={"X-Requested-With": "XMLHttpRequest"})
    client.post("/login/passkey/", {"credential": key.touch(client, verified=True)})
    assert client.session["_auth_user_id"] == str(admin.pk)


def test_a_passkey_alone_opens_no_account_that_others_may_have_closed(admin: User, client: Client) -> None:
    """Neither the directory nor its groups were asked."""
    key = SecurityKey(admin)
    DirectoryAccount.objects.create(user=admin, dn="uid=ada,dc=example,dc=org")
    client.get("/login/passkey/", headers={"X-Requested-With": "XMLHttpRequest"})
    client.post("/login/passkey/", {"credential": key.touch(client, verified=True)})
    assert "_auth_user_id" not in client.session
    assert "sign-on first" in client.get("/login/").content.decode()


def test_without_a_password_here_only_a_fresh_login_sets_up_a_factor(admin: User, client_for: Callable[[User], Client]) -> None:
    admin.set_unusable_password()
    admin.save()
    DirectoryAccount.objects.create(user=admin, dn="uid=ada,dc=example,dc=org")
    client = client_for(admin)
    assert client.get("/account/two-factor/app/").status_code == 200
    assert "passwordless" not in client.get("/account/two-factor/passkeys/add/").content.decode()
    session = client.session
    session["logged_in_at"] -= 301
    session.save()
    for path in ("/account/two-factor/app/", "/account/two-factor/passkeys/add/"):
        assert client.get(path).headers["Location"] == "/account/", path
    assert "fresh login" in client.get("/account/").content.decode()
