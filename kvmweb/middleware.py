"""What every answer of ours carries, and a KvmwebError raised by a page's view as its page, or as a toast when htmx asked."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from kvmweb.error_pages import error_page
from kvmweb.errors import KvmwebError
from kvmweb.outage import outage_of


class OwnPagesOnlyMiddleware:
    """Other sites may not load our answers, not even as an image or a script. The other headers have middleware of their own."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


class ErrorPagesMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        known = error if isinstance(error, KvmwebError) else outage_of(error)
        return None if known is None else refusal(request, known)


def refusal(request: HttpRequest, error: KvmwebError) -> HttpResponse:
    """The page of `error`; a toast where htmx asked."""
    if request.headers.get("HX-Request"):
        toast = {"toast": {"level": "error", "message": error.message, "hint": error.hint}}
        return HttpResponse(status=error.status, headers={"HX-Trigger": json.dumps(toast)})
    return error_page(request, error.status, message=error.message, hint=error.hint)
