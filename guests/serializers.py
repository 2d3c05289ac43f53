"""What REST takes and answers about guests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from guests.actions import POWER_VERBS
from guests.models import GuestState
from guests.selectors import SORTABLE
from guests.services.bulk import MOST_AT_ONCE, MOST_GUESTS
from guests.services.checks import DISK_GIB, MEMORY_MIB, MOST_GUESTS_AT_ONCE, VCPUS, why_not_expiry, why_not_tags
from jobs.models import JobState
from jobs.serializers import JobShape
from kvmweb.rest.fields import Choice, Flag, IdName, Line, Moment, Name, RowId, StrictSerializer, Tags, Text, Whole
from kvmweb.rest.pagination import PageQuery, ordering_field, search_field
from storage.serializers import ActionShape


# The services check all this again, for pages; asked here too, so that one answer names every wrong field.
def plain_tags(tags: list[str]) -> None:
    _refuse(why_not_tags(tags))


def in_the_future(moment: datetime | None) -> None:
    _refuse(why_not_expiry(moment))


def _refuse(problem: str) -> None:
    if problem:
        raise serializers.ValidationError(problem)


class GuestQuery(PageQuery):
    search = search_field()
    ordering = ordering_field([*SORTABLE, *(f"-{name}" for name in SORTABLE)], "name")
    state = serializers.CharField(max_length=100, required=False, help_text=f"One or more of {', '.join(GuestState.values)}, or missing.")
    host = serializers.UUIDField(required=False)
    tenant = serializers.UUIDField(required=False)
    image = serializers.UUIDField(required=False)
    tag = serializers.CharField(max_length=40, required=False)
    os = serializers.CharField(max_length=40, required=False)
    problems = serializers.BooleanField(
        required=False, default=False, help_text="Only missing and crashed ones, and those on hosts that do not answer."
    )


class SourceField(StrictSerializer):
    later = ("template", "iso", "volume", "blank")
    image = RowId()
    clone = Choice(choices=["overlay", "full"], default="overlay", help_text="overlay: copy on write; full: a copy of its own.")


class NicField(StrictSerializer):
    later = ("security_groups", "address")
    network = RowId()


class CloudInitField(StrictSerializer):
    """Returned by no API, and removed from the host after the first boot."""

    hostname = Name(required=False)
    user = Line(max_length=32, required=False)
    ssh_keys = serializers.ListField(child=Line(max_length=8192), max_length=50, required=False)
    password = Line(max_length=256, required=False)
    user_data = Text(max_length=64 * 1024, required=False, help_text="Whole cloud-init user-data instead of the short fields.")


class CreateGuestBody(StrictSerializer):
    later = ("flavor", "extra_disks", "os", "tpm", "is_template")
    name = Name()
    tenant = RowId(required=False, allow_null=True, default=None, help_text="May be left out by those who have exactly one.")
    source = SourceField()
    vcpus = Whole(min_value=VCPUS[0], max_value=VCPUS[1], default=1)
    memory_mib = Whole(min_value=MEMORY_MIB[0], max_value=MEMORY_MIB[1], default=1024)
    disk_gib = Whole(max_value=DISK_GIB[1], default=0, help_text="0 or absent: as large as the image.")
    nics = serializers.ListField(
        child=NicField(), required=False, allow_empty=False, max_length=8, help_text="Absent: one on the host's default network."
    )
    firmware = Choice(choices=["bios"], later=("uefi", "uefi-secure"), default="bios")
    cloud_init = CloudInitField(required=False, allow_null=True, default=None)
    host = RowId(required=False, allow_null=True, default=None, help_text="null: the best one is chosen. Operators only.")
    start = Flag(default=True)
    count = Whole(min_value=1, max_value=MOST_GUESTS_AT_ONCE, default=1)
    tags = Tags(required=False, default=list, validators=[plain_tags])
    description = Text(max_length=4096, allow_blank=True, default="")
    expires_at = Moment(required=False, allow_null=True, default=None, validators=[in_the_future])
    autostart = Flag(default=False)


class ChangeGuestBody(StrictSerializer):
    """vcpus and memory_mib answer 202 with a job, everything else 200."""

    later = ("is_template",)
    vcpus = Whole(min_value=VCPUS[0], max_value=VCPUS[1], required=False)
    memory_mib = Whole(min_value=MEMORY_MIB[0], max_value=MEMORY_MIB[1], required=False)
    name = Name(required=False)
    tags = Tags(required=False, validators=[plain_tags])
    description = Text(max_length=4096, allow_blank=True, required=False)
    expires_at = Moment(required=False, allow_null=True, validators=[in_the_future])
    is_protected = Flag(required=False)
    autostart = Flag(required=False)


class TransferBody(StrictSerializer):
    tenant = RowId()


class DeleteGuestBody(StrictSerializer):
    delete_disks = Flag(default=True, help_text="false: its disks stay as detached volumes.")
    confirm_name = Line(max_length=63, required=False, help_text="The guest's name, as a second look: 400 when it is another's.")


class ShutdownBody(StrictSerializer):
    timeout_s = Whole(required=False, min_value=1, max_value=3600, help_text="How long to wait for the guest.")


class AdoptBody(StrictSerializer):
    domain_uuid = RowId()
    tenant = RowId(required=False, allow_null=True, default=None)


class BulkFilter(StrictSerializer):
    """As the list's: all guests it finds."""

    search = Line(max_length=100, required=False)
    state = Line(max_length=100, required=False)
    host = RowId(required=False)
    tenant = RowId(required=False)
    image = RowId(required=False)
    tag = Line(max_length=40, required=False)
    os = Line(max_length=40, required=False)
    problems = Flag(required=False)


class BulkBody(StrictSerializer):
    action = Choice(choices=POWER_VERBS)
    ids = serializers.ListField(child=RowId(), min_length=1, max_length=MOST_GUESTS, required=False)
    filter = BulkFilter(required=False, help_text="Instead of ids.")
    parallel = Whole(min_value=1, max_value=MOST_AT_ONCE, default=10, help_text="So many at a time.")
    stop_on_errors = Whole(max_value=MOST_GUESTS, default=0, help_text="After so many failures no more are begun. 0: go on.")
    canary = Whole(max_value=MOST_GUESTS, default=0, help_text="So many first, and the others only when these went well.")

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in asked) == ("filter" in asked):
            raise serializers.ValidationError({"ids": ["Send either ids or a filter."]})
        return asked


# -- answers, for the document only -----------------------------------------------------------------------------------------------


class HostName(IdName):
    state = serializers.CharField()


class VolumeName(IdName):
    purpose = serializers.CharField()


class DiskShape(serializers.Serializer):
    id = serializers.UUIDField()
    target = serializers.CharField()
    bus = serializers.CharField()
    device = serializers.CharField()
    capacity_bytes = serializers.IntegerField(allow_null=True)
    format = serializers.CharField()
    pool = IdName(allow_null=True, help_text="null for tenants.")
    volume = VolumeName(allow_null=True)


class NicShape(serializers.Serializer):
    id = serializers.UUIDField()
    mac = serializers.CharField()
    model = serializers.CharField()
    network = IdName(allow_null=True)
    addresses = serializers.ListField()


class JobLine(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    progress = serializers.FloatField()
    step = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)


class GuestShape(serializers.Serializer):
    id = serializers.UUIDField()
    uuid = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    tenant = IdName()
    host = HostName(allow_null=True, help_text="null for tenants.")
    image = IdName(allow_null=True)
    state = serializers.ChoiceField(choices=GuestState.choices)
    state_label = serializers.CharField()
    state_since = serializers.DateTimeField(allow_null=True)
    desired_state = serializers.CharField()
    is_missing = serializers.BooleanField()
    is_stale = serializers.BooleanField()
    observed_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    vcpus = serializers.IntegerField()
    memory_mib = serializers.IntegerField()
    disk_gib = serializers.IntegerField()
    disks = DiskShape(many=True)
    nics = NicShape(many=True)
    addresses = serializers.ListField()
    primary_address = serializers.CharField()
    os = serializers.CharField()
    firmware = serializers.CharField()
    acceleration = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    is_protected = serializers.BooleanField()
    is_template = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)
    autostart = serializers.BooleanField()
    has_agent = serializers.BooleanField()
    has_display = serializers.BooleanField()
    has_serial = serializers.BooleanField()
    pending_changes = serializers.ListField()
    cpu_percent = serializers.FloatField(allow_null=True)
    memory_used_mib = serializers.IntegerField(allow_null=True)
    active_job = JobLine(allow_null=True)
    allowed_actions = serializers.DictField(child=ActionShape())


class GuestsAndJob(serializers.Serializer):
    guests = GuestShape(many=True)
    job = JobShape()


class GuestAndJob(serializers.Serializer):
    guest = GuestShape()
    job = JobShape()


class SummaryShape(serializers.Serializer):
    total = serializers.IntegerField()
    by_state = serializers.DictField(child=serializers.IntegerField())
    missing = serializers.IntegerField()
    problems = serializers.IntegerField()


class TimelineLine(serializers.Serializer):
    at = serializers.DateTimeField()
    title = serializers.CharField()
    state = serializers.CharField(help_text="The job's state, or done or refused.")
    actor = serializers.CharField()
    text = serializers.CharField()
    job = serializers.UUIDField(allow_null=True)


class TimelineShape(serializers.Serializer):
    results = TimelineLine(many=True)
