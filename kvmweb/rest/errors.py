"""The one renderer of errors: {"error": {"code", "message", "hint", "details", "reference"}}."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from kvmweb.errors import KvmwebError


def render_error(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, KvmwebError):
        reference = getattr(context["request"], "id", "") or ""
        body = {"code": error.code, "message": error.message, "hint": error.hint, "details": error.details, "reference": reference}
        return Response({"error": body}, status=error.status)
    if isinstance(error, APIException):
        return exception_handler(error, context)
    return None
