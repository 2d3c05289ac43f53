"""What REST takes and answers about SSH keys."""

from __future__ import annotations

from rest_framework import serializers

from kvmweb.rest.fields import Line, StrictSerializer, Text
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field

SSH_KEY_ORDERINGS = both_ways({"name": ("name", "id"), "created_at": ("created_at", "id")})


class SshKeyQuery(PageQuery):
    ordering = ordering_field(SSH_KEY_ORDERINGS, "name")


class CreateSshKey(StrictSerializer):
    name = Line(max_length=80)
    public_key = Text(max_length=8192, help_text="One line of a .pub file: type, key, comment.")


class SshKeyShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    public_key = serializers.CharField()
    fingerprint = serializers.CharField(help_text="SHA256:…, as ssh-keygen -lf prints it.")
    type = serializers.CharField()
    created_at = serializers.DateTimeField()
