"""Keeps each session's "last seen", and leads people who must have a second factor and have none to the page that sets one up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from kvmweb.error_pages import error_page
from kvmweb.errors import KvmwebError
from tenants.middleware import address_of
from tenants.models import User

GetResponse = Callable[[HttpRequest], HttpResponse]

logger = logging.getLogger(__name__)
SEEN_EVERY_S = 60
LOGGED_IN_AT = "logged_in_at"
MOST_REMEMBERED = 10_000

SET_UP_PAGES = frozenset(
    {
        "account_logout",
        "account_profile",
        "account_reauthenticate",
        "account_change_password",
        "account_set_password",
        "mfa_index",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_list_webauthn",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "usersessions_list",
    }
)
"""What a person who must set up a second factor may open before it is there."""


class LastSeenMiddleware:
    """At most one write a minute for each session and process."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.seen: dict[str, float] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Only where the view asked who it is: what needs no user costs no query.
        user = getattr(request, "_cached_user", None)
        key = request.session.session_key
        if isinstance(user, User) and key and self._is_due(key):
            try:
                see(request, user, key)
            except DatabaseError as error:
                # The answer is made already; that it was seen is worth no failure.
                logger.warning("When a session was seen last could not be written: %s", error)
        return response

    def _is_due(self, key: str) -> bool:
        now = time.monotonic()
        if now - self.seen.get(key, -SEEN_EVERY_S) < SEEN_EVERY_S:
            return False
        if len(self.seen) >= MOST_REMEMBERED:
            self.seen.clear()
        self.seen[key] = now
        return True


def see(request: HttpRequest, user: User, key: str) -> None:
    now = timezone.now()
    agent = request.META.get("HTTP_USER_AGENT", "")[:200]
    address = address_of(request) or "0.0.0.0"  # noqa: S104  (the column wants an address)
    fields = {"last_seen_at": now, "ip": address, "user_agent": agent}
    if not UserSession.objects.filter(session_key=key, user=user).update(**fields):
        UserSession.objects.bulk_create([UserSession(session_key=key, user=user, **fields)], ignore_conflicts=True)


def is_too_old(request: HttpRequest) -> bool:
    """Django prolongs a session whenever it is written to. Ours end a fixed time after the login."""
    if not request.COOKIES.get(settings.SESSION_COOKIE_NAME):
        return False
    since = request.session.get(LOGGED_IN_AT)
    return since is not None and time.time() - since > settings.SESSION_COOKIE_AGE


class RequireMfaMiddleware:
    """Pages; REST asks `accounts.rest.HasSecondFactor` once it knows how somebody logged in. That such an actor may see and do nothing is
    decided where it is made (`tenants.sessions`), so that sockets and consoles need no rule of their own."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> HttpResponse | None:
        if is_too_old(request):
            logout(request)
        name = request.resolver_match.url_name if request.resolver_match else None
        if name in SET_UP_PAGES or hasattr(view, "cls") or not isinstance(request.user, User):
            return None
        try:
            lacks_mfa = request.actor.lacks_mfa  # type: ignore[attr-defined]
        except KvmwebError as error:
            # Exceptions of a middleware do not reach the one that renders them.
            return error_page(request, error.status, message=error.message, hint=error.hint)
        if not lacks_mfa:
            return None
        there = reverse("mfa_index")
        if request.headers.get("HX-Request"):
            return HttpResponse(status=403, headers={"HX-Redirect": there})
        return redirect(there)
