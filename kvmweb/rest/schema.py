"""How endpoints describe themselves to the OpenAPI document, and what is added to every operation of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, PolymorphicProxySerializer, extend_schema, inline_serializer
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


class RefusalShape(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()
    details = serializers.DictField()


class PlanLine(serializers.Serializer):
    when = serializers.ChoiceField(choices=["now", "next_boot", "needs_power_off"])
    text = serializers.CharField()


class QuotaEffect(serializers.Serializer):
    limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField()
    after = serializers.IntegerField()


class Plan(serializers.Serializer):
    """The answer to ?dry_run=true."""

    dry_run = serializers.BooleanField()
    is_possible = serializers.BooleanField()
    status = serializers.IntegerField(help_text="What the change itself would answer.")
    refusals = RefusalShape(many=True)
    plan = PlanLine(many=True)
    quota = serializers.DictField(child=QuotaEffect(), help_text="Only what would change.")
    result = serializers.JSONField(allow_null=True, help_text="The body the change would answer; its ids are not kept.")


def describe(handle: Callable[..., Any], *, name: str, answer: Any, query: Any, body: Any, summary: str) -> Any:
    answers = answer if isinstance(answer, dict) else {200: answer}
    verb = handle.__name__
    extra = {
        "post": [IDEMPOTENCY, IF_MATCH, DRY_RUN],
        "put": [DRY_RUN],
        "patch": [IF_MATCH, DRY_RUN],
        "delete": [IF_MATCH, DRY_RUN],
    }.get(verb, [])
    if extra:
        answers = {**answers, 200: or_plan(name, answers.get(200))}
    return extend_schema(
        operation_id=name,
        summary=summary.split("\n")[0].rstrip("."),
        parameters=[*([query] if query().fields else []), *extra],
        request=body if body().fields else None,
        responses={**answers, "default": OpenApiResponse(ErrorAnswer, description="An error.")},
    )(handle)


def or_plan(name: str, shape: Any) -> Any:
    """200 of a change: its own answer if it has one, and that of a dry run."""
    if shape is None:
        return OpenApiResponse(Plan, description="With dry_run=true.")
    both = PolymorphicProxySerializer(f"{name.title().replace('_', '')}OrPlan", [shape, Plan], resource_type_field_name=None)
    return OpenApiResponse(both, description="The plan with dry_run=true.")


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
