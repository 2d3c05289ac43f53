"""Every route of the product, read from the URL conf, so that a new one cannot be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from kvmweb.api_urls import urlpatterns
from kvmweb.rest.documentation import DocsView
from kvmweb.rest.views import UnknownPath

METHODS = ("get", "post", "put", "patch", "delete")
ALL_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


def rest_routes() -> Iterator[tuple[str, str]]:
    """("GET", "guests/<uuid:guest_id>/"), without the page of the documentation and the catch-all."""
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        view: Any = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
        if view in (DocsView, UnknownPath):
            continue
        for method in METHODS:
            if hasattr(view, method):
                yield method.upper(), str(pattern.pattern)


def page_routes() -> Iterator[str]:
    """ "guests/<str:guest_id>/": everything outside REST and outside the administration."""
    for route in _routes(get_resolver().url_patterns, ""):
        if not route.startswith(("api/", "admin/")):
            yield plain(route)


def admin_routes() -> Iterator[tuple[str, str]]:
    """(route, its name) below /admin/."""
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and str(pattern.pattern) == "admin/":
            yield from _named(pattern.url_patterns, "admin/")


def plain(route: str) -> str:
    """A regular expression as if it had been a path: ^key/(?P<key>.+)/$ -> key/<key>/."""
    return re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("^", "").removesuffix("$")


def _routes(patterns: Any, prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def _named(patterns: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _named(pattern.url_patterns, route)
        else:
            yield route, pattern.name or ""
