"""What REST takes and answers about quotas: bodies are checked by these, answers only documented."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kvmweb.rest.fields import LARGEST_INT, Choice, IdName, RowId, StrictSerializer, Text, Whole
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field
from tenants.models import Quota, QuotaRequestState
from tenants.services.quotas import DEFAULT, LONGEST_REASON

REQUEST_ORDERINGS = both_ways({"created_at": ("created_at", "id")})
CHANGE_ORDERINGS = both_ways({"at": ("id",)})

_LIMIT = {
    "oneOf": [{"type": "integer", "minimum": 0, "maximum": LARGEST_INT}, {"type": "string", "enum": [DEFAULT]}],
    "nullable": True,
    "description": 'null: no limit. "default": whatever the installation\'s default is.',
}


@extend_schema_field(_LIMIT)
class Limit(Whole):
    def to_internal_value(self, data: Any) -> Any:
        return DEFAULT if data == DEFAULT else super().to_internal_value(data)

    def run_validators(self, value: Any) -> None:
        if value != DEFAULT:
            super().run_validators(value)


class SetQuota(StrictSerializer):
    """A limit that is not sent stays as it is."""

    reason = Text(max_length=LONGEST_REASON, allow_blank=True, default="", help_text="Why; kept in the history.")

    def get_fields(self) -> dict[str, serializers.Field]:
        return {**{name: Limit(required=False, allow_null=True) for name in Quota.RESOURCES}, **super().get_fields()}


class SetDefaultQuota(StrictSerializer):
    """null: no limit. A limit that is not sent stays as it is."""

    reason = Text(max_length=LONGEST_REASON, allow_blank=True, default="")

    def get_fields(self) -> dict[str, serializers.Field]:
        return {**{name: Whole(required=False, allow_null=True) for name in Quota.RESOURCES}, **super().get_fields()}


class AskForMore(StrictSerializer):
    """The limits wished for, each above what holds now."""

    tenant = RowId(required=False, allow_null=True, default=None)
    reason = Text(max_length=LONGEST_REASON)

    def get_fields(self) -> dict[str, serializers.Field]:
        return {**super().get_fields(), **{name: Whole(required=False) for name in Quota.RESOURCES}}


class Approve(StrictSerializer):
    message = Text(max_length=LONGEST_REASON, allow_blank=True, default="")


class Decline(StrictSerializer):
    message = Text(max_length=LONGEST_REASON, help_text="Why not: the tenant reads it.")


class RequestQuery(PageQuery):
    ordering = ordering_field(REQUEST_ORDERINGS, "-created_at")
    state = Choice(choices=QuotaRequestState.choices, required=False)
    tenant = serializers.UUIDField(required=False)


class ChangeQuery(PageQuery):
    ordering = ordering_field(CHANGE_ORDERINGS, "-at")


# -- answers, for the document only -----------------------------------------------------------------------------------------------


class LimitsShape(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {**{name: serializers.IntegerField(allow_null=True) for name in Quota.RESOURCES}, **super().get_fields()}


class QuotaShape(LimitsShape):
    """What holds now; null is no limit."""

    follows_default = serializers.ListField(child=serializers.CharField(), help_text="Resources whose limit is the installation's default.")


class UseShape(serializers.Serializer):
    used = serializers.IntegerField()
    limit = serializers.IntegerField(allow_null=True)
    left = serializers.IntegerField(allow_null=True)
    percent = serializers.FloatField(allow_null=True)


class UsageShape(serializers.Serializer):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {name: UseShape() for name in Quota.RESOURCES}


class QuotaRequestShape(serializers.Serializer):
    id = serializers.UUIDField()
    tenant = IdName()
    state = serializers.ChoiceField(choices=QuotaRequestState.choices)
    limits = serializers.DictField(child=serializers.IntegerField(), help_text="Resource -> the limit wished for.")
    reason = serializers.CharField()
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField()
    message = serializers.CharField(help_text="What the admin said to it.")


@extend_schema_field({"type": "object", "additionalProperties": _LIMIT})
class LimitsByName(serializers.DictField):
    pass


class QuotaChangeShape(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    before = LimitsByName(help_text="Only what changed.")
    after = LimitsByName()
    reason = serializers.CharField()
    request = serializers.UUIDField(allow_null=True)
