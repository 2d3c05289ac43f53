"""What REST takes and answers about the trail: queries are checked by these, answers only documented."""

from __future__ import annotations

from rest_framework import serializers

from kvmweb.rest.fields import Moment, StrictSerializer
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field, search_field
from tenants.audit.lines import WRITERS
from tenants.audit.reading import AuditFilter
from tenants.models import AuditEntry

AUDIT_ORDERINGS = both_ways({"at": ("at", "id")})
FILTERS = ("search", "actor", "operation", "outcome", "tenant", "target", "job", "request", "since", "until")


class AuditFilterQuery(StrictSerializer):
    search = search_field()
    actor = serializers.CharField(max_length=200, required=False, help_text="A user's id, or the name shown.")
    operation = serializers.CharField(max_length=64, required=False, help_text="Such as guest.start, or guest. for all about guests.")
    outcome = serializers.ChoiceField(choices=AuditEntry.Outcome.values, required=False)
    tenant = serializers.UUIDField(required=False)
    target = serializers.CharField(max_length=64, required=False, help_text="The id of the row it was done to.")
    job = serializers.UUIDField(required=False, help_text="The click that became this job, and how it ended.")
    request = serializers.CharField(max_length=64, required=False, help_text="An X-Request-ID.")
    since = Moment(required=False)
    until = Moment(required=False, help_text="Not including this moment.")


class AuditQuery(PageQuery, AuditFilterQuery):
    ordering = ordering_field(AUDIT_ORDERINGS, "-at")


class ExportQuery(AuditFilterQuery):
    kind = serializers.ChoiceField(choices=sorted(WRITERS), default="csv")


def filter_from(query: dict[str, object]) -> AuditFilter:
    times = {name: query.get(name) for name in ("since", "until")}
    texts = {name: str(query[name]) for name in FILTERS if name in query and name not in times}
    return AuditFilter(**texts, **times)  # type: ignore[arg-type]


# -- answers, for the document only -----------------------------------------------------------------------------------------------


class AuditActor(serializers.Serializer):
    id = serializers.UUIDField(allow_null=True)
    label = serializers.CharField()


class AuditTarget(serializers.Serializer):
    type = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()


class AuditShape(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    operation = serializers.CharField()
    outcome = serializers.ChoiceField(choices=AuditEntry.Outcome.choices)
    actor = AuditActor()
    tenant_id = serializers.UUIDField(allow_null=True)
    target = AuditTarget()
    message = serializers.CharField()
    address = serializers.CharField(help_text="Empty unless you are an owner of the tenant, have a system role, or did it.")
    request_id = serializers.CharField()
    job_id = serializers.UUIDField(allow_null=True)
    details = serializers.DictField(help_text="changes: field to [before, after], or to the word changed where it is a secret.")


class AuditEntryShape(AuditShape):
    seq = serializers.IntegerField(required=False, help_text="Number in the chain.")
    digest = serializers.CharField(required=False, help_text="SHA-256 of the entry; system roles only, as the two below.")
    previous = serializers.CharField(required=False)
    hash = serializers.CharField(required=False)
