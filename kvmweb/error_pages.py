"""One page for everything that goes wrong, and Django's handlers for it. Below /api/ the same as JSON. Needs no database."""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from kvmweb.errors import KvmwebError
from kvmweb.outage import outage_of

TITLES = {
    400: "That could not be understood",
    403: "You may not do that",
    404: "Not found",
    409: "Not possible just now",
    412: "It has changed meanwhile",
    413: "Too large",
    429: "Too many attempts",
    500: "Something broke",
    503: "Not reachable just now",
}
CODES = {400: "invalid", 403: "not_allowed", 404: "not_found", 500: "bug", 503: "unavailable"}


def error_page(request: HttpRequest, status: int, *, message: str, hint: str = "") -> HttpResponse:
    reference = str(getattr(request, "id", "") or "")
    if request.path.startswith("/api/"):
        body = {"code": CODES.get(status, "error"), "message": message, "hint": hint, "details": {}, "reference": reference}
        return JsonResponse({"error": body}, status=status)
    error = {"status": status, "title": TITLES.get(status, "Error"), "message": message, "hint": hint, "reference": reference}
    theme = request.COOKIES.get("theme", "")
    # No request in the context: context processors would ask the database, which may be what broke.
    return HttpResponse(
        render_to_string("error.html", {"error": error, "theme": theme if theme in ("dark", "light") else ""}), status=status
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, DisallowedHost):
        hint = "Use its IP address, or ask an admin to add this name to KVMWEB_ALLOWED_HOSTS."
        return error_page(request, 400, message="This installation does not answer to that name.", hint=hint)
    return error_page(request, 400, message="The request could not be understood.", hint="Go back, reload the page and try again.")


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 403, message="Your account may not see this page.", hint="Ask an admin if you need it.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 404, message="There is no such page, or you may not see it.", hint="It may have been deleted or renamed.")


def broken(request: HttpRequest) -> HttpResponse:
    """Also for what a middleware could not read: Django calls this while it handles the exception."""
    error = sys.exc_info()[1]
    known = error if isinstance(error, KvmwebError) else outage_of(error)
    if known is not None:
        return error_page(request, known.status, message=known.message, hint=known.hint)
    return error_page(
        request,
        500,
        message="This is a defect of the product. It has been logged.",
        hint="Try again; if it stays, give your admin the reference.",
    )


def csrf_failure(request: HttpRequest, reason: str = "", **_: Any) -> HttpResponse:
    return error_page(
        request,
        403,
        message="The form could not be checked to come from this site.",
        hint="Go back, reload the page and send it again. Cookies must be allowed for this site.",
    )
