"""Logging in with a directory: a real slapd, an empty password, names that are filters, groups, TLS, and a directory that is down."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import DirectoryAccount
from tenants.models import AuditEntry, SystemRole, Tenant, User
from tests.accounts import slapd
from tests.accounts.conftest import try_login
from tests.accounts.slapd import ADMIN_DN, ADMIN_PASSWORD, BASE, PASSWORD, Directory, dn_of
from tests.conftest import PASSWORD as LOCAL_PASSWORD

pytestmark = [
    pytest.mark.skipif(find_spec("django_auth_ldap") is None, reason="requirements-ldap.txt is not installed; script/test installs it"),
    pytest.mark.skipif(not Path(slapd.SLAPD).exists(), reason="slapd is not installed; script/test installs it"),
]
WRONG, DOWN = "do not match an account", "directory (LDAP) does not answer"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    crt, key = folder / "crt.pem", folder / "key.pem"
    # An address: libldap replaces "localhost" by the machine's own name before it compares.
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key), "-out", str(crt), *names]
    subprocess.run(command, check=True, capture_output=True)
    return crt, key


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[Directory]:
    directory = Directory.start(tmp_path_factory.mktemp("slapd"), certificate=certificate)
    yield directory
    directory.stop()


@pytest.fixture
def directory(running: Directory, settings: Any, db: None) -> Directory:
    settings.AUTHENTICATION_BACKENDS = ["accounts.backends.LocalBackend", "accounts.ldap.DirectoryBackend"]
    settings.LDAP_URI, settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD = running.uri, ADMIN_DN, ADMIN_PASSWORD
    settings.LDAP_USER_BASE, settings.LDAP_GROUP_BASE = f"ou=people,{BASE}", f"ou=groups,{BASE}"
    return running


def logged_in(username: str, password: str, *, address: str = "192.0.2.10") -> bool:
    return bool(try_login(username, password, address=address).status_code == 302)


def test_the_directorys_password_opens_and_makes_the_account(directory: Directory) -> None:
    assert logged_in("lena", PASSWORD)
    user = User.objects.get(username="lena")
    assert (user.first_name, user.last_name, user.email, user.system_role) == ("Lena", "Lind", "lena@example.org", "")
    assert not user.has_usable_password()
    assert user.directory_account.dn == dn_of("lena")
    assert logged_in("LENA", PASSWORD)
    assert User.objects.count() == 1
    assert AuditEntry.objects.filter(operation="login", outcome="done", actor_label="lena").count() == 2


def test_a_wrong_password_and_an_unknown_name_read_the_same(directory: Directory) -> None:
    for username, password in (("lena", "wrong"), ("nobody", PASSWORD)):
        assert WRONG in try_login(username, password).content.decode()
    assert not logged_in("lena", PASSWORD + "\0")
    assert not User.objects.exists()


def test_an_empty_password_is_no_password(directory: Directory) -> None:
    """This slapd takes an unauthenticated bind for a success: seen with ldapwhoami, so that the test can fail."""
    bind = ["ldapwhoami", "-x", "-H", directory.uri, "-D", dn_of("lena"), "-w", ""]
    assert subprocess.run(bind, capture_output=True, check=False).returncode == 0
    from accounts.ldap import DirectoryBackend

    assert DirectoryBackend().authenticate(None, username="lena", password="") is None
    for empty in ("", " "):
        assert not logged_in("lena", empty)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "name", ["*", "l*", "lena)(uid=*", "*)(|(uid=*", "(uid=lena)", "lena\\2a", "lena,ou=people", "*)(uid=lena))(|(uid=*", "lena\x00"]
)
def test_a_name_is_never_a_filter(directory: Directory, name: str) -> None:
    assert not logged_in(name, PASSWORD)
    assert not User.objects.exists()


def test_the_filter_itself_escapes_what_would_get_that_far(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts import ldap

    monkeypatch.setattr(ldap, "cleaned", str)
    for name in ("l*", "*)(uid=lena", "lena)(|(uid=*)"):
        assert ldap.DirectoryBackend().authenticate(None, username=name, password=PASSWORD) is None


def test_an_entry_with_the_name_of_a_local_account_does_not_become_it(directory: Directory) -> None:
    local = User.objects.create_user("admin", password=LOCAL_PASSWORD, system_role=SystemRole.ADMIN)
    assert not logged_in("admin", PASSWORD)
    assert logged_in("admin", LOCAL_PASSWORD)
    assert not DirectoryAccount.objects.exists()
    local.refresh_from_db()
    assert local.email == ""


def test_groups_become_roles_and_are_taken_back(directory: Directory, settings: Any, tenant: Tenant) -> None:
    settings.LDAP_GROUP_ROLES = "kvm-ops=operator; kvm-admins=admin; web=acme/member"
    assert logged_in("lena", PASSWORD)
    lena = User.objects.get(username="lena")
    assert (lena.system_role, lena.memberships.get().role) == (SystemRole.OPERATOR, "member")
    change = f"dn: cn=kvm-ops,ou=groups,{BASE}\nchangetype: modify\n{{}}: member\nmember: {{}}\n"
    directory.modify(f"dn: cn=kvm-ops,ou=groups,{BASE}\nchangetype: modify\nreplace: member\nmember: {dn_of('otto')}\n")
    try:
        assert logged_in("lena", PASSWORD)
        lena.refresh_from_db()
        assert lena.system_role == ""
    finally:
        directory.modify(change.format("replace", dn_of("lena")))


def test_accounts_may_have_to_be_there_before(directory: Directory, settings: Any) -> None:
    settings.LDAP_CREATE_ACCOUNTS = False
    assert not logged_in("lena", PASSWORD)
    user = User.objects.create_user("lena", password=None)
    assert not logged_in("lena", PASSWORD)
    DirectoryAccount.objects.create(user=user, dn=dn_of("lena"))
    assert logged_in("lena", PASSWORD)


def test_a_disabled_account_stays_out_and_loses_its_session(directory: Directory, log_in: Callable[..., Client]) -> None:
    client = log_in("lena", PASSWORD)
    assert client.get("/account/").status_code == 200
    user = User.objects.get()
    user.is_active = False
    user.save()
    assert client.get("/account/").status_code == 302
    assert WRONG in try_login("lena", PASSWORD).content.decode()


def test_failures_are_limited_like_all_others(directory: Directory) -> None:
    for _ in range(10):
        assert try_login("lena", "wrong").status_code == 200
    assert try_login("lena", PASSWORD).status_code == 429
    assert logged_in("lena", PASSWORD, address="198.51.100.7")


def test_the_password_is_not_ours_to_change_or_reset(directory: Directory, log_in: Callable[..., Client]) -> None:
    from accounts.links import reset_link
    from kvmweb.errors import Conflict

    client = log_in("lena", PASSWORD)
    assert "organisation" in client.get("/account/").content.decode()
    client.post("/account/password/set/", {"password1": "a password kept here", "password2": "a password kept here"})
    user = User.objects.get()
    assert not user.has_usable_password()
    with pytest.raises(Conflict, match="kept elsewhere"):
        reset_link(user)


def test_start_tls_wants_a_certificate_that_it_trusts(directory: Directory, settings: Any, certificate: tuple[Path, Path]) -> None:
    settings.LDAP_START_TLS = True
    assert DOWN in try_login("lena", PASSWORD).content.decode()
    settings.LDAP_CA_FILE = str(certificate[0])
    assert logged_in("lena", PASSWORD)


@pytest.mark.parametrize("how", ["nothing listens", "wrong service password"])
def test_a_directory_that_is_down_is_said_and_local_accounts_go_on(directory: Directory, settings: Any, admin: User, how: str) -> None:
    if how == "nothing listens":
        settings.LDAP_URI = "ldap://127.0.0.1:9"
    else:
        settings.LDAP_BIND_PASSWORD = "wrong"
    assert logged_in("ada", LOCAL_PASSWORD)
    texts = {try_login(name, "wrong").content.decode().count(DOWN) for name in ("lena", "ada", "nobody")}
    assert texts == {1}


def test_a_directory_that_hangs_is_given_up_within_seconds(directory: Directory, settings: Any) -> None:
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        settings.LDAP_URI = f"ldap://127.0.0.1:{deaf.getsockname()[1]}"
        started = datetime.datetime.now(datetime.UTC)
        assert DOWN in try_login("lena", PASSWORD).content.decode()
        assert (datetime.datetime.now(datetime.UTC) - started).total_seconds() < 12
