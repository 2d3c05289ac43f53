"""How endpoints describe themselves to the OpenAPI document, and what is added to every operation of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

Shape = Any
"""A serializer class of the answer, an instance with many=True, or None for no content."""

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key and body give the same answer and one effect for 24 h.",
)
IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The `version` you read: 412 with the current row when it is older."
)
DRY_RUN = OpenApiParameter(
    "dry_run", OpenApiTypes.BOOL, description="Answer with the plan, the quota effect and the refusals; touch nothing."
)


class ErrorShape(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField(help_text="A sentence for a person.")
    hint = serializers.CharField(help_text="What to do next; may be empty.")
    details = serializers.DictField(help_text="Such as `fields`: field name to sentences.")
    reference = serializers.CharField(help_text="The request's id, also in the X-Request-ID header and in the log.")


class ErrorAnswer(serializers.Serializer):
    error = ErrorShape()


def page_of(shape: type[serializers.Serializer]) -> serializers.Serializer:
    name = shape.__name__.removesuffix("Shape")
    return inline_serializer(
        f"{name}Page",
        {
            "results": shape(many=True),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
        },
    )


def describe(handle: Callable[..., Any], *, name: str, answer: Any, query: Any, body: Any, summary: str) -> Any:
    answers = answer if isinstance(answer, dict) else {200: answer}
    verb = handle.__name__
    extra = {"post": [IDEMPOTENCY, IF_MATCH, DRY_RUN], "put": [DRY_RUN], "patch": [IF_MATCH, DRY_RUN], "delete": [IF_MATCH, DRY_RUN]}.get(
        verb, []
    )
    has_query = bool(query().fields)
    has_body = bool(body().fields)
    return extend_schema(
        operation_id=name,
        summary=summary.split("\n")[0].rstrip("."),
        description=summary,
        parameters=[*([query] if has_query else []), *extra],
        request=body if has_body else None,
        responses={**answers, "default": OpenApiResponse(ErrorAnswer, description="An error.")},
    )(handle)


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "tenants.authentication.ScopedTokenAuthentication"
    name = "token"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Authorization: Token <key>"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "rest_framework.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        # The real name ends in a fingerprint of the instance, and the document is the same for all of them.
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "kvmweb_session_<instance>",
            "description": "The pages' login; needs X-CSRFToken.",
        }
