"""Who may log in and how: allauth's settings, e-mail, OIDC and LDAP, from the environment. Part of `base`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ

env = environ.Env()


def secret(name: str) -> str:
    """The value of NAME, or what is in the file that NAME_FILE names."""
    path = env.str(f"{name}_FILE", "")
    return Path(path).read_text().strip() if path else env.str(name, "")


LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

AUTHENTICATION_BACKENDS = ["accounts.backends.LocalBackend"]
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = False
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
# accounts.throttle counts instead, in the database; allauth would count in the cache of each process.
ACCOUNT_RATE_LIMITS = False
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "reauthenticate": "accounts.forms.ConfirmPasswordForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
}
PASSWORD_RESET_TIMEOUT = 24 * 3600
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.backends.NotTooLong"},
]

MFA_ADAPTER = "accounts.adapters.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# One step of 30 s to either side: clocks of phones are not exact.
MFA_TOTP_TOLERANCE = 1
MFA_RATE_LIMITS = False
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.ConfirmCodeForm",
    "activate_totp": "accounts.forms.ActivateTotpForm",
    "authenticate_webauthn": "accounts.forms.PasskeyForm",
    "login_webauthn": "accounts.forms.PasskeyLoginForm",
    "reauthenticate_webauthn": "accounts.forms.ConfirmPasskeyForm",
    "add_webauthn": "accounts.forms.AddPasskeyForm",
}
REQUIRE_MFA_FOR_STAFF = env.bool("KVMWEB_REQUIRE_MFA_FOR_STAFF", False)

# -- e-mail ---------------------------------------------------------------------------------------------------------------------------
EMAIL_URL = env.str("EMAIL_URL", "")
EMAIL_TIMEOUT = 10
if EMAIL_URL:
    _email = env.email_url_config(EMAIL_URL)
    EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _email["EMAIL_BACKEND"], _email["EMAIL_HOST"] or "localhost", _email["EMAIL_PORT"] or 25
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"] or "", _email["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS, EMAIL_USE_SSL = _email.get("EMAIL_USE_TLS", False), _email.get("EMAIL_USE_SSL", False)
DEFAULT_FROM_EMAIL = env.str("KVMWEB_EMAIL_FROM", "kvmweb@localhost")
# What links outside of a page begin with. Never taken from a request: its Host header is the sender's to choose.
PUBLIC_URL = env.str("KVMWEB_PUBLIC_URL", "").rstrip("/")

# -- OIDC -----------------------------------------------------------------------------------------------------------------------------
OIDC_ISSUER = env.str("KVMWEB_OIDC_ISSUER", "").rstrip("/")
OIDC_CLIENT_ID = env.str("KVMWEB_OIDC_CLIENT_ID", "")
OIDC_CLIENT_SECRET = secret("KVMWEB_OIDC_CLIENT_SECRET")
OIDC_NAME = env.str("KVMWEB_OIDC_NAME", "single sign-on")
OIDC_SCOPES = env.str("KVMWEB_OIDC_SCOPES", "openid profile email").split()
OIDC_CREATE_ACCOUNTS = env.bool("KVMWEB_OIDC_CREATE_ACCOUNTS", False)
OIDC_GROUP_CLAIM = env.str("KVMWEB_OIDC_GROUP_CLAIM", "groups")
OIDC_GROUP_ROLES = env.str("KVMWEB_OIDC_GROUP_ROLES", "")
SOCIALACCOUNT_ADAPTER = "accounts.oidc.SocialAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER, "oauth_pkce_enabled": True, "scope": OIDC_SCOPES},
            }
        ]
        if OIDC_ISSUER
        else []
    }
}

# -- LDAP, Active Directory (requirements-ldap.txt) ---------------------------------------------------------------------------------
LDAP_URI = env.str("KVMWEB_LDAP_URI", "")
LDAP_BIND_DN = env.str("KVMWEB_LDAP_BIND_DN", "")
LDAP_BIND_PASSWORD = secret("KVMWEB_LDAP_BIND_PASSWORD")
LDAP_USER_BASE = env.str("KVMWEB_LDAP_USER_BASE", "")
LDAP_USER_FILTER = env.str("KVMWEB_LDAP_USER_FILTER", "(uid=%(user)s)")
LDAP_GROUP_BASE = env.str("KVMWEB_LDAP_GROUP_BASE", "")
LDAP_GROUP_TYPE = env.str("KVMWEB_LDAP_GROUP_TYPE", "groupOfNames")  # nested, posixGroup
LDAP_GROUP_ROLES = env.str("KVMWEB_LDAP_GROUP_ROLES", "")
LDAP_START_TLS = env.bool("KVMWEB_LDAP_START_TLS", False)
LDAP_CA_FILE = env.str("KVMWEB_LDAP_CA_FILE", "")
LDAP_CREATE_ACCOUNTS = env.bool("KVMWEB_LDAP_CREATE_ACCOUNTS", True)
if LDAP_URI:
    AUTHENTICATION_BACKENDS.append("accounts.ldap.DirectoryBackend")
