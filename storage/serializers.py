"""What REST takes and answers about images, pools and volumes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.serializers import JobShape
from kvmweb.rest.fields import Choice, Flag, IdName, Line, RowId, StrictSerializer, Text, Whole
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field, search_field
from storage.models import Image, Volume

IMAGE_ORDERINGS = both_ways({"name": ("name", "id"), "created_at": ("created_at", "id"), "size_bytes": ("size_bytes", "id")})
POOL_ORDERINGS = both_ways({"name": ("name", "id"), "available_bytes": ("available_bytes", "id")})
VOLUME_ORDERINGS = both_ways({"name": ("name", "id"), "created_at": ("created_at", "id"), "capacity_bytes": ("capacity_bytes", "id")})


class ImageQuery(PageQuery):
    search = search_field()
    ordering = ordering_field(IMAGE_ORDERINGS, "name")
    kind = serializers.ChoiceField(choices=Image.Kind.values, required=False)
    state = serializers.ChoiceField(choices=Image.State.values, required=False)
    tenant = serializers.UUIDField(required=False, help_text="What this tenant can make guests from: its own and the public ones.")


class PoolQuery(PageQuery):
    ordering = ordering_field(POOL_ORDERINGS, "name")
    host = serializers.UUIDField(required=False)


class VolumeQuery(PageQuery):
    ordering = ordering_field(VOLUME_ORDERINGS, "name")
    pool = serializers.UUIDField(required=False)
    purpose = serializers.ChoiceField(choices=Volume.Purpose.values, required=False)
    detached = serializers.BooleanField(required=False, default=False, help_text="Only disks that belong to no guest.")


class CreateImage(StrictSerializer):
    """Either `recipe`, built on the spot, or a file in the import folder of the server: `kind`, `name`, `source_file`."""

    later = ("source_url",)
    recipe = Line(max_length=40, required=False)
    kind = Choice(choices=Image.Kind.choices, required=False)
    name = Line(max_length=63, required=False)
    os = Line(max_length=40, allow_blank=True, required=False)
    checksum = Line(max_length=64, required=False, help_text="The SHA-256 the file must have.")
    description = Text(max_length=2000, allow_blank=True, required=False)
    source_file = Line(max_length=200, required=False, help_text="A name from images/importable/.")
    has_cloud_init = Flag(required=False)
    min_memory_mib = Whole(required=False, max_value=4 * 1024**2)
    tenant = RowId(required=False, allow_null=True, help_text="null: public, which operators may make.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "recipe" in attrs:
            surplus = sorted(set(attrs) - {"recipe"})
            if surplus:
                raise serializers.ValidationError({name: ["Not together with recipe, which decides this."] for name in surplus})
            return attrs
        needed = [name for name in ("kind", "name", "source_file") if name not in attrs]
        if needed:
            raise serializers.ValidationError({name: ["This field is required, or send recipe alone."] for name in needed})
        return attrs


class ChangeImage(StrictSerializer):
    name = Line(max_length=63, required=False)
    description = Text(max_length=2000, allow_blank=True, required=False)
    os = Line(max_length=40, allow_blank=True, required=False)
    min_memory_mib = Whole(required=False, max_value=4 * 1024**2)
    has_cloud_init = Flag(required=False)


# -- answers, for the document only -----------------------------------------------------------------------------------------------


class ActionShape(serializers.Serializer):
    allowed = serializers.BooleanField()
    reason = serializers.CharField(help_text="Why not; empty when allowed.")


class ImageShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Image.Kind.choices)
    os = serializers.CharField()
    description = serializers.CharField()
    tenant = IdName(allow_null=True, help_text="null: public.")
    is_public = serializers.BooleanField()
    state = serializers.ChoiceField(choices=Image.State.choices)
    state_label = serializers.CharField()
    state_reason = serializers.CharField()
    recipe = serializers.CharField()
    format = serializers.CharField()
    size_bytes = serializers.IntegerField()
    virtual_size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    min_memory_mib = serializers.IntegerField()
    has_cloud_init = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    version = serializers.IntegerField()
    allowed_actions = serializers.DictField(child=ActionShape())


class ImageAndJob(serializers.Serializer):
    image = ImageShape()
    job = JobShape()


class RecipeShape(serializers.Serializer):
    name = serializers.CharField()
    image_name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Image.Kind.choices)
    os = serializers.CharField()
    description = serializers.CharField()
    min_memory_mib = serializers.IntegerField()
    has_cloud_init = serializers.BooleanField()


class RecipesShape(serializers.Serializer):
    results = RecipeShape(many=True)


class FileShape(serializers.Serializer):
    name = serializers.CharField()
    size_bytes = serializers.IntegerField()


class ImportableShape(serializers.Serializer):
    results = FileShape(many=True)


class PoolShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    host = IdName()
    type = serializers.CharField()
    path = serializers.CharField()
    is_active = serializers.BooleanField()
    is_missing = serializers.BooleanField()
    autostart = serializers.BooleanField()
    is_default = serializers.BooleanField()
    capacity_bytes = serializers.IntegerField()
    allocation_bytes = serializers.IntegerField()
    available_bytes = serializers.IntegerField()
    used_percent = serializers.FloatField(allow_null=True)
    observed_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


class VolumeShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    tenant = IdName(allow_null=True)
    pool = IdName(allow_null=True, help_text="null for tenants.")
    host = IdName(allow_null=True, help_text="null for tenants.")
    purpose = serializers.ChoiceField(choices=Volume.Purpose.choices)
    state = serializers.ChoiceField(choices=Volume.State.choices)
    format = serializers.CharField()
    capacity_bytes = serializers.IntegerField()
    allocation_bytes = serializers.IntegerField()
    image = IdName(allow_null=True)
    used_by = IdName(many=True)
    created_at = serializers.DateTimeField()
