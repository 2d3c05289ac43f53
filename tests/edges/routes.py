"""Every route and method of the REST contract, read from the URL conf, so that a new one cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern

from kvmweb.api_urls import urlpatterns
from kvmweb.rest.documentation import DocsView
from kvmweb.rest.views import UnknownPath

METHODS = ("get", "post", "put", "patch", "delete")


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
