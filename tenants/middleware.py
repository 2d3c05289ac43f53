"""`request.actor`: the Actor of the session's user, made on first use; None for nobody."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from tenants.actor import Actor
from tenants.models import User
from tenants.sessions import actor_of_session


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
