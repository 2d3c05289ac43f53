"""How REST requests say who they are: `Authorization: Token <key>` (knox, hashed, scoped) or the session cookie."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from kvmweb.errors import NotAuthenticated
from tenants import token_use
from tenants.actor import Actor, actor_for
from tenants.middleware import address_of, session_actor
from tenants.models import ApiToken, User


class ScopedTokenAuthentication(TokenAuthentication):
    """Knox, plus when and where a token was last used, at most once a minute, and a record of keys that are refused."""

    def authenticate(self, request: Request) -> Any:
        try:
            found = super().authenticate(request)
        except UnicodeDecodeError as error:
            raise AuthenticationFailed("Invalid token.") from error
        except AuthenticationFailed as error:
            token_use.record_refusal(request._request, get_authorization_header(request), str(error.detail))
            raise
        if found is not None:
            token: ApiToken = found[1]
            now, address = timezone.now(), address_of(request._request)[:64]
            is_elsewhere = token.last_used_address != address
            if token.last_used_at is None or is_elsewhere or now - token.last_used_at > timedelta(minutes=1):
                ApiToken.objects.filter(pk=token.pk).update(last_used_at=now, last_used_address=address)
        return found

    def _cleanup_token(self, auth_token: ApiToken) -> bool:
        """Is it expired. Knox would read all tokens of the user at each request and delete old ones, also in a GET."""
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()


class HasActor(BasePermission):
    """Logged in, by token or session. What the actor may do is the gate's business."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, User):
            raise NotAuthenticated("Log in, or send a token: Authorization: Token <key>.")
        return True


def request_actor(request: Request) -> Actor:
    """The actor of a REST request: made once, kept on the request."""
    django_request = request._request
    cached: Actor | None = getattr(django_request, "_rest_actor", None)
    if cached is None:
        token = request.auth
        if isinstance(token, ApiToken):
            cached = replace(
                actor_for(
                    token.user,
                    scope=token.scope,
                    only_tenant=token.tenant_id,
                    address=address_of(django_request),
                    request_id=getattr(django_request, "id", "") or "",
                ),
                token=f"{token.name} ({token.prefix})",
                token_expires_at=token.expiry,
            )
        else:
            django_request.user = request.user
            cached = session_actor(django_request)
        if cached is None:
            raise NotAuthenticated("Log in, or send a token: Authorization: Token <key>.")
        django_request._rest_actor = cached  # type: ignore[attr-defined]
    return cached
