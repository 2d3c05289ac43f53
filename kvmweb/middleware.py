"""Turns a KvmwebError raised by a page's view into its page, or into a toast when htmx asked."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from kvmweb.error_pages import error_page
from kvmweb.errors import KvmwebError


class ErrorPagesMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, KvmwebError):
            return None
        if request.headers.get("HX-Request"):
            toast = {"toast": {"level": "error", "message": error.message, "hint": error.hint}}
            return HttpResponse(status=error.status, headers={"HX-Trigger": json.dumps(toast)})
        return error_page(request, error.status, message=error.message, hint=error.hint)
