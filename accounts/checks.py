"""Settings of logging in that cannot work, told at the start instead of at somebody's first attempt."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from accounts.groups import parse_roles


@register()
def login_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.EMAIL_URL and not settings.PUBLIC_URL:
        found.append(
            Warning(
                "EMAIL_URL is set but KVMWEB_PUBLIC_URL is not, so no password can be reset by e-mail.",
                hint="Set KVMWEB_PUBLIC_URL to what browsers show, such as https://kvm.example.org.",
                id="accounts.W001",
            )
        )
    if settings.OIDC_ISSUER and not settings.OIDC_CLIENT_ID:
        found.append(Error("KVMWEB_OIDC_ISSUER is set but KVMWEB_OIDC_CLIENT_ID is not.", id="accounts.E001"))
    if settings.LDAP_URI and find_spec("django_auth_ldap") is None:
        hint = "Run: .venv/bin/pip install -r requirements-ldap.txt (it needs gcc, libldap2-dev and libsasl2-dev)."
        found.append(Error("KVMWEB_LDAP_URI is set but django-auth-ldap is not installed.", hint=hint, id="accounts.E002"))
    if settings.LDAP_URI and not settings.LDAP_USER_BASE:
        found.append(Error("KVMWEB_LDAP_URI is set but KVMWEB_LDAP_USER_BASE is not.", id="accounts.E003"))
    if settings.LDAP_GROUP_TYPE not in ("groupOfNames", "nested", "posixGroup"):
        found.append(Error("KVMWEB_LDAP_GROUP_TYPE is none of groupOfNames, nested, posixGroup.", id="accounts.E005"))
    for name in ("OIDC_GROUP_ROLES", "LDAP_GROUP_ROLES"):
        try:
            parse_roles(getattr(settings, name))
        except ValueError as error:
            found.append(Error(f"KVMWEB_{name}: {error}", id="accounts.E004"))
    return found
