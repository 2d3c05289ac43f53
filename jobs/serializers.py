"""What REST takes and answers about jobs."""

from __future__ import annotations

from rest_framework import serializers

from jobs.models import ItemState, JobState, StepState
from kvmweb.rest.fields import IdName
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field, search_field

JOB_ORDERINGS = both_ways({"created_at": ("created_at", "id")})


class JobQuery(PageQuery):
    search = search_field()
    ordering = ordering_field(JOB_ORDERINGS, "-created_at")
    state = serializers.CharField(
        max_length=100, required=False, help_text=f"One or more of {', '.join(JobState.values)}, with commas between."
    )
    kind = serializers.CharField(max_length=64, required=False, help_text="Such as guest.create.")
    target = serializers.UUIDField(required=False, help_text="The id of what it works on.")
    tenant = serializers.UUIDField(required=False)

    def validate_state(self, value: str) -> list[str]:
        states = value.split(",")
        if not set(states) <= set(JobState.values):
            raise serializers.ValidationError(f"Choose from {', '.join(JobState.values)}.")
        return states


# -- answers, for the document only -----------------------------------------------------------------------------------------------


class StepShape(serializers.Serializer):
    name = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=StepState.choices)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class LogLineShape(serializers.Serializer):
    at = serializers.DateTimeField()
    level = serializers.CharField()
    text = serializers.CharField()


class ItemTarget(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class ItemShape(serializers.Serializer):
    target = ItemTarget()
    state = serializers.ChoiceField(choices=ItemState.choices)
    job = serializers.UUIDField(allow_null=True, help_text="Null when it was refused or has not had its turn.")
    message = serializers.CharField(help_text="Why it failed or was left out.")


class TargetShape(serializers.Serializer):
    type = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()


class JobShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    is_undoing = serializers.BooleanField()
    progress = serializers.FloatField(min_value=0, max_value=1)
    step = serializers.CharField()
    steps = StepShape(many=True, help_text="Empty in lists.")
    items = ItemShape(many=True, help_text="What became of each thing, for a job over many. Empty in lists.")
    waits_for_host = serializers.BooleanField(help_text="Its host does not answer; it goes on by itself when it does.")
    bytes_done = serializers.IntegerField(allow_null=True)
    bytes_total = serializers.IntegerField(allow_null=True)
    target = TargetShape(allow_null=True)
    actor = serializers.CharField()
    tenant = IdName(allow_null=True)
    host_id = serializers.UUIDField(allow_null=True)
    parent = serializers.UUIDField(allow_null=True)
    retry_of = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    not_before = serializers.DateTimeField(allow_null=True)
    outcome = serializers.CharField()
    error = serializers.DictField(allow_null=True, help_text="code, message, hint, details, reference; null when nothing failed.")
    placement = serializers.CharField(help_text="Why the guest was put on its host. Empty for tenants.")
    log = LogLineShape(many=True, help_text="Empty in lists.")
    can_cancel = serializers.BooleanField()
    why_not_cancel = serializers.CharField()
    can_retry = serializers.BooleanField()
    why_not_retry = serializers.CharField()
    version = serializers.IntegerField()


class JobAnswer(serializers.Serializer):
    job = JobShape()
