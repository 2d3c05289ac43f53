"""Who is behind a socket, and whether that still holds: session or token alive, account active, same password, same roles.

One set of queries for all sockets of a process, however many there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from tenants.actor import Actor, actor_for
from tenants.models import ApiToken, User


@dataclass(frozen=True, slots=True)
class Login:
    """`fingerprint` covers what the actor was made from: when it differs, the socket closes and the browser connects anew."""

    user_id: UUID
    session_key: str
    token_digest: str
    fingerprint: str


def log_in(scope: dict[str, Any], *, token: str) -> tuple[Actor, Login] | None:
    """By `Authorization: Token` value when given, else by the session cookie. None: nobody."""
    address = (scope.get("client") or ("",))[0]
    if token:
        return _by_token(token, address)
    user = scope.get("user")
    if not isinstance(user, User) or not user.is_active:
        return None
    login = Login(user.pk, scope["session"].session_key or "", "", _fingerprints([user.pk]).get(user.pk, ""))
    return actor_for(user, address=address), login


def _by_token(token: str, address: str) -> tuple[Actor, Login] | None:
    try:
        user, found = TokenAuthentication().authenticate_credentials(token.encode())
    except (AuthenticationFailed, ValueError):
        return None
    actor = actor_for(user, scope=found.scope, only_tenant=found.tenant_id, address=address)
    return actor, Login(user.pk, "", found.digest, _fingerprints([user.pk]).get(user.pk, ""))


def still_valid(logins: Iterable[Login]) -> set[Login]:
    logins = set(logins)
    now = timezone.now()
    prints = _fingerprints({login.user_id for login in logins})
    sessions = set(
        Session.objects.filter(
            session_key__in={login.session_key for login in logins if login.session_key}, expire_date__gt=now
        ).values_list("session_key", flat=True)
    )
    digests = {login.token_digest for login in logins if login.token_digest}
    tokens = (
        set(ApiToken.objects.filter(Q(expiry__isnull=True) | Q(expiry__gt=now), digest__in=digests).values_list("digest", flat=True))
        if digests
        else set()
    )
    return {
        login
        for login in logins
        if prints.get(login.user_id) == login.fingerprint and (login.session_key in sessions or login.token_digest in tokens)
    }


def _fingerprints(user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Active users only. One query."""
    rows = (
        User.objects.filter(pk__in=list(user_ids), is_active=True)
        .order_by("pk", "memberships__tenant_id")
        .values_list("pk", "password", "system_role", "memberships__tenant_id", "memberships__role", "memberships__tenant__is_active")
    )
    digests: dict[UUID, Any] = {}
    for pk, *facts in rows:
        digests.setdefault(pk, hashlib.sha256()).update(repr(facts).encode())
    return {pk: digest.hexdigest() for pk, digest in digests.items()}
