"""Passwords of a directory: LDAP or Active Directory (requirements-ldap.txt). Imported only when KVMWEB_LDAP_URI is set.

The directory says who may log in and, by groups, as what. It never logs anybody in to an account that it did not make, so that an entry
called "admin" does not become ours; and it is asked for plain names only.
"""

from __future__ import annotations

import logging
from typing import Any

import ldap
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest
from django_auth_ldap.backend import LDAPBackend, _LDAPUser, ldap_error
from django_auth_ldap.config import GroupOfNamesType, LDAPSearch, NestedGroupOfNamesType, PosixGroupType

from accounts.backends import LONGEST_PASSWORD
from accounts.groups import apply_roles, parse_roles
from accounts.models import DirectoryAccount
from accounts.names import cleaned, user_called
from tenants.models import User

logger = logging.getLogger(__name__)
TIMEOUT_S = 5
GROUP_FILTERS = {
    "groupOfNames": ("(|(objectClass=groupOfNames)(objectClass=group))", GroupOfNamesType),
    "nested": ("(|(objectClass=groupOfNames)(objectClass=group))", NestedGroupOfNamesType),
    "posixGroup": ("(objectClass=posixGroup)", PosixGroupType),
}


def _options() -> dict[int, Any]:
    tls = {ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND}
    if settings.LDAP_CA_FILE:
        tls[ldap.OPT_X_TLS_CACERTFILE] = settings.LDAP_CA_FILE
    # The last one makes the options above take effect.
    return {ldap.OPT_NETWORK_TIMEOUT: TIMEOUT_S, ldap.OPT_TIMEOUT: TIMEOUT_S, ldap.OPT_REFERRALS: 0, **tls, ldap.OPT_X_TLS_NEWCTX: 0}


class DirectoryBackend(LDAPBackend):
    @property
    def default_settings(self) -> dict[str, Any]:
        groups, kind = GROUP_FILTERS[settings.LDAP_GROUP_TYPE]
        return {
            "SERVER_URI": settings.LDAP_URI,
            "BIND_DN": settings.LDAP_BIND_DN,
            "BIND_PASSWORD": settings.LDAP_BIND_PASSWORD,
            "START_TLS": settings.LDAP_START_TLS,
            "CONNECTION_OPTIONS": _options(),
            "USER_SEARCH": LDAPSearch(settings.LDAP_USER_BASE, ldap.SCOPE_SUBTREE, settings.LDAP_USER_FILTER),
            "USER_ATTR_MAP": {"first_name": "givenName", "last_name": "sn", "email": "mail"},
            "GROUP_SEARCH": LDAPSearch(settings.LDAP_GROUP_BASE, ldap.SCOPE_SUBTREE, groups) if settings.LDAP_GROUP_BASE else None,
            "GROUP_TYPE": kind(),
            "NO_NEW_USERS": not settings.LDAP_CREATE_ACCOUNTS,
            "PERMIT_EMPTY_PASSWORD": False,
        }

    def authenticate(self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any) -> User | None:
        name = cleaned(username or "")
        # Many directories take a bind without a password for a success.
        if not name or not password or "\0" in password or len(password) > LONGEST_PASSWORD:
            return None
        user: User | None = super().authenticate(request, username=name, password=password)
        return user if user is not None and user.is_active else None

    def authenticate_ldap_user(self, ldap_user: Any, password: str) -> User | None:
        user: User | None = super().authenticate_ldap_user(ldap_user, password)
        if user is None:
            return None
        DirectoryAccount.objects.update_or_create(user=user, defaults={"dn": ldap_user.dn[:500]})
        if settings.LDAP_GROUP_BASE:
            try:
                groups = ldap_user.group_names
            except ldap.LDAPError as error:
                # Without its groups nobody knows what the person may do any more.
                ldap_error.send(type(self), context="groups", user=user, request=ldap_user._request, exception=error)
                return None
            apply_roles(user, groups, parse_roles(settings.LDAP_GROUP_ROLES), source="ldap")
        return user

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[User, bool]:
        """By its entry first, then by name, but never a user that is not the directory's."""
        known = DirectoryAccount.objects.filter(dn__iexact=ldap_user.dn).select_related("user").first()
        user = known.user if known else user_called(username)
        if user is None:
            return User(username=username.lower()), True
        if not hasattr(user, "directory_account"):
            raise _LDAPUser.AuthenticationFailed("an account of that name is kept here")
        return user, False

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.filter(pk=user_id).first()
        return user if user is not None and user.is_active else None

    # Rights come from roles (tenants.policy).
    def get_group_permissions(self, user: Any, obj: Any = None) -> set[str]:
        return set()


@receiver(ldap_error)
def note_directory_is_down(sender: Any, context: str, exception: Exception, request: Any = None, **_: Any) -> None:
    if request is not None:
        request.directory_is_down = True
    logger.error("The directory at %s could not be asked (%s): %s", settings.LDAP_URI, context, type(exception).__name__)
