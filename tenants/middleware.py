"""`request.actor`: the Actor of the session's user, made on first use; None for nobody. And no change while it views as a tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from kvmweb.errors import NotAllowed
from kvmweb.middleware import refusal
from tenants import audit
from tenants.actor import Actor
from tenants.models import AuditEntry, User
from tenants.policy import why_not_while_viewing
from tenants.sessions import VIEWS_AS, actor_of_session

LOOKING = ("GET", "HEAD", "OPTIONS")
WHILE_VIEWING = frozenset({"stop-viewing", "account_logout", "logout"})
"""Pages that take a POST while viewing as a tenant."""


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def session_actor(request: HttpRequest) -> Actor | None:
    if not isinstance(request.user, User):
        return None
    session = getattr(request, "session", {})
    return actor_of_session(request.user, session, address=address_of(request), request_id=getattr(request, "id", "") or "")


class ActorMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Lazy: static files and the login page cost no query.
        request.actor = SimpleLazyObject(lambda: session_actor(request))  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> HttpResponse | None:
        """The gate refuses what goes through it; this refuses the pages that change something without it, such as one's own account."""
        if request.method in LOOKING or hasattr(view, "cls") or not request.session.get(VIEWS_AS):
            return None
        actor: Actor = request.actor  # type: ignore[attr-defined]
        name = request.resolver_match.url_name if request.resolver_match else None
        if not actor or not actor.viewing_as or name in WHILE_VIEWING:
            return None
        reason = why_not_while_viewing(actor)
        # The page's name, not its path, which may hold the secret of an invitation.
        audit.record(actor, "tenant.view_as", AuditEntry.Outcome.REFUSED, message=f"{request.method} {name}: {reason}")
        return refusal(request, NotAllowed(reason))
