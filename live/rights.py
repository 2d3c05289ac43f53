"""Who is behind a socket and what they may see, and whether that still holds: session or token alive, account active, same password.

One set of queries for all sockets of a process, however many there are. Actors are made where requests make theirs
(`tenants.middleware`), so a socket sees what the pages of the same login see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.http import HttpRequest, parse_cookie
from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from live.origin import header
from tenants.actor import Actor, actor_for
from tenants.middleware import session_actor
from tenants.models import ApiToken, User


@dataclass(frozen=True, slots=True)
class Login:
    """One of `session_key` and `token_digest` is empty. `password` is the hash in force when the session's socket was opened."""

    user_id: UUID
    address: str
    session_key: str = field(default="", repr=False)
    token_digest: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """`facts` is a digest of what the actor was made from: when it differs, the actor is made anew."""

    actor: Actor
    facts: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a login no longer stands: the close code and the sentence the page shows."""

    code: int
    reason: str


NOBODY = Ended(4401, "You are not logged in. Log in again.")
LOGGED_OUT = Ended(4401, "You were logged out. Log in again.")
PASSWORD_CHANGED = Ended(4401, "The password was changed. Log in again.")
TOKEN_GONE = Ended(4401, "This API token was deleted or has expired.")
DISABLED = Ended(4403, "This account was disabled. Ask an admin.")


def log_in(scope: dict[str, Any], *, token: str) -> tuple[Login, Standing] | None:
    """By `Authorization: Token` value when given, else by the session cookie. None: nobody."""
    address = (scope.get("client") or ("",))[0]
    if token:
        return _by_token(token, address)
    session_key = parse_cookie(header(scope, b"cookie")).get(settings.SESSION_COOKIE_NAME, "")
    found = _user_and_actor(session_key, address) if session_key else None
    if found is None:
        return None
    user, actor = found
    login = Login(user.pk, address, session_key=session_key, password=user.password)
    return _standing(login, actor)


def _by_token(token: str, address: str) -> tuple[Login, Standing] | None:
    try:
        user, found = TokenAuthentication().authenticate_credentials(token.encode())
    except (AuthenticationFailed, ValueError):
        return None
    login = Login(user.pk, address, token_digest=found.digest)
    return _standing(login, actor_for(user, scope=found.scope, only_tenant=found.tenant_id, address=address))


def _standing(login: Login, actor: Actor) -> tuple[Login, Standing] | None:
    now = _facts([login])[login]
    return None if isinstance(now, Ended) else (login, Standing(actor, now))


def _user_and_actor(session_key: str, address: str) -> tuple[User, Actor] | None:
    """As the middleware would find them for a page of this session."""
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = address
    request.session = SessionStore(session_key)
    user = request.user = get_user(request)
    actor = session_actor(request) if isinstance(user, User) and user.is_active else None
    return (user, actor) if isinstance(user, User) and actor is not None else None


def review(known: Mapping[Login, Standing]) -> dict[Login, Standing | Ended]:
    """Only what differs from `known`: logins that ended, and those whose actor is another now."""
    differ: dict[Login, Standing | Ended] = {}
    for login, now in _facts(known).items():
        if isinstance(now, Ended):
            differ[login] = now
        elif now != known[login].facts or known[login].actor.viewing_as:
            # Whoever views as a tenant stands and falls with that tenant, which is not among the facts.
            actor = _actor(login)
            differ[login] = Standing(actor, now) if actor is not None else LOGGED_OUT
    return differ


def _actor(login: Login) -> Actor | None:
    if login.token_digest:
        token = ApiToken.objects.select_related("user").filter(digest=login.token_digest).first()
        return actor_for(token.user, scope=token.scope, only_tenant=token.tenant_id, address=login.address) if token else None
    found = _user_and_actor(login.session_key, login.address)
    return found[1] if found else None


def _facts(logins: Iterable[Login]) -> dict[Login, str | Ended]:
    logins = set(logins)
    now = timezone.now()
    users = _users({login.user_id for login in logins})
    keys = {login.session_key for login in logins} - {""}
    # The data too: whom an operator views the pages as is kept there.
    sessions = dict(Session.objects.filter(session_key__in=keys, expire_date__gt=now).values_list("session_key", "session_data"))
    digests = {login.token_digest for login in logins} - {""}
    unexpired = Q(expiry__isnull=True) | Q(expiry__gt=now)
    tokens = {
        digest: f"{scope} {tenant}"
        for digest, scope, tenant in ApiToken.objects.filter(unexpired, digest__in=digests).values_list("digest", "scope", "tenant_id")
    } if digests else {}  # fmt: skip
    return {login: _fact(login, users.get(login.user_id), sessions, tokens) for login in logins}


def _fact(login: Login, user: tuple[str, str] | None, sessions: dict[str, str], tokens: dict[str, str]) -> str | Ended:
    if user is None:
        return DISABLED
    password, roles = user
    if login.token_digest:
        return f"{roles} {tokens[login.token_digest]}" if login.token_digest in tokens else TOKEN_GONE
    if login.session_key not in sessions:
        return LOGGED_OUT
    return f"{roles} {sessions[login.session_key]}" if password == login.password else PASSWORD_CHANGED


def _users(user_ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """Active users only: password, and a digest of their roles. One query."""
    rows = (
        User.objects.filter(pk__in=list(user_ids), is_active=True)
        .order_by("pk", "memberships__tenant_id")
        .values_list("pk", "password", "system_role", "memberships__tenant_id", "memberships__role", "memberships__tenant__is_active")
    )
    digests: dict[UUID, tuple[str, Any]] = {}
    for pk, password, *roles in rows:
        digests.setdefault(pk, (password, hashlib.sha256()))[1].update(repr(roles).encode())
    return {pk: (password, digest.hexdigest()) for pk, (password, digest) in digests.items()}
