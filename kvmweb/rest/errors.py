"""The one renderer of REST errors: {"error": {"code", "message", "hint", "details", "reference"}}, whatever went wrong.

Every exception ends here as JSON, unexpected ones too; their text goes to the log under the reference, never to the client.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from kvmweb.errors import InvalidInput, KvmwebError, NotAllowed, NotAuthenticated, NotFound, RateLimited
from kvmweb.outage import outage_of

logger = logging.getLogger(__name__)

CODES = {405: "method_not_allowed", 406: "not_acceptable", 413: "too_large", 415: "unsupported_media_type", 429: "rate_limited"}


def render_error(error: Exception, context: dict[str, Any]) -> Response:
    request = context["request"]
    reference = getattr(request, "id", "") or ""
    known = known_error(error)
    if known is None:
        logger.error("%s %s failed (reference %s)", request.method, request.path, reference, exc_info=error)
        known = KvmwebError(
            "Something went wrong on our side; nothing was changed.",
            hint="Try again. If it happens again, give the reference to an administrator.",
            code="bug",
        )
    return Response(error_body(known, reference), status=known.status, headers=headers_of(error, known))


def error_body(error: KvmwebError, reference: str) -> dict[str, Any]:
    text = {"code": error.code, "message": error.message, "hint": error.hint, "details": error.details}
    return {"error": {**text, "reference": reference}}


def headers_of(error: Exception, known: KvmwebError) -> dict[str, str]:
    if known.status == 401:
        return {"WWW-Authenticate": "Token"}
    if isinstance(error, exceptions.Throttled) and (wait_s := getattr(error, "wait", None)) is not None:
        return {"Retry-After": str(int(wait_s) + 1)}
    if isinstance(known, RateLimited):
        return {"Retry-After": str(known.details["retry_after_s"])}
    if known.status == 503:
        return {"Retry-After": "5"}
    return {}


def known_error(error: Exception) -> KvmwebError | None:
    """The error as one of ours, or None for a bug."""
    match error:
        case KvmwebError():
            return error
        case exceptions.ValidationError():
            return InvalidInput(fields=dict(flat_fields(error.detail)))
        case DjangoValidationError():
            return InvalidInput(" ".join(error.messages))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return NotAuthenticated(str(error.detail), hint="Send a valid token: Authorization: Token <key>.")
        case exceptions.PermissionDenied():
            return NotAllowed(str(error.detail))
        case PermissionDenied():
            return NotAllowed("This is not allowed.")
        case Http404() | exceptions.NotFound():
            return NotFound()
        case RequestDataTooBig():
            return too_large()
        case exceptions.APIException():
            return other_status(error)
    return outage_of(error)


def other_status(error: exceptions.APIException) -> KvmwebError:
    """DRF's own refusals: unreadable JSON, wrong method, wrong content type, too many requests."""
    if error.status_code == 400:
        return InvalidInput(str(error.detail))
    known = KvmwebError(str(error.detail), code=CODES.get(error.status_code, "error"))
    known.status = error.status_code
    return known


def too_large(limit_mib: int = 1) -> KvmwebError:
    error = KvmwebError(f"The body is larger than {limit_mib} MiB.", hint="Send less at a time.", code="too_large")
    error.status = 413
    return error


@contextmanager
def fields_renamed(names: Mapping[str, str]) -> Iterator[None]:
    """A service calls a field otherwise than the contract does: the refusal names it as the caller wrote it."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(fields={names.get(name, name): texts for name, texts in error.fields.items()}, hint=error.hint) from error


def flat_fields(detail: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """DRF's nested details as dotted names: {"nics": [{"network": ["..."]}]} -> nics.0.network."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from flat_fields(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for position, inner in enumerate(detail):
            if inner:
                yield from flat_fields(inner, f"{path}.{position}".lstrip("."))
    else:
        texts = detail if isinstance(detail, list) else [detail]
        yield path or "body", [str(text) for text in texts]
