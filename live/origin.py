"""Which pages may open a socket: only our own, compared exactly (scheme, host and port). Used by every consumer.

Channels' AllowedHostsOriginValidator lets a missing Origin pass and ignores a port without a scheme; browsers send the session cookie
with cross-site WebSocket requests, so both would be a way in.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def header(scope: dict[str, Any], name: bytes) -> str:
    """The header's value; empty when missing or sent more than once."""
    values = [value for key, value in scope.get("headers", []) if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""


def is_our_origin(scope: dict[str, Any]) -> bool:
    origin = header(scope, b"origin").lower()
    host = header(scope, b"host").lower()
    if not origin or not host or not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    return origin == f"{_scheme(scope)}://{host}" or origin in settings.CSRF_TRUSTED_ORIGINS


def _scheme(scope: dict[str, Any]) -> str:
    if settings.BEHIND_TLS and header(scope, b"x-forwarded-proto") == "https":
        return "https"
    return "https" if scope.get("scheme") == "wss" else "http"
