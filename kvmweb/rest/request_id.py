"""One id per request: on the request, in the log, in error references and in the X-Request-ID header of every answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

# A caller's own id is kept when it is harmless in a log line and fits the audit trail's column.
HARMLESS = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")


class RequestIdMiddleware:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self.is_async:
            return self.answer_later(request)
        name_request(request)
        response = self.get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[index, attr-defined]
        return response

    async def answer_later(self, request: HttpRequest) -> HttpResponse:
        name_request(request)
        response = await self.get_response(request)  # type: ignore[misc]
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


def name_request(request: HttpRequest) -> None:
    asked = request.META.get("HTTP_X_REQUEST_ID", "")
    request.id = asked if HARMLESS.match(asked) else uuid.uuid4().hex  # type: ignore[attr-defined]
    # django-structlog reads the header: the log lines then carry the same id.
    request.META["HTTP_X_REQUEST_ID"] = request.id  # type: ignore[attr-defined]
