"""What REST takes and answers about networks."""

from __future__ import annotations

from rest_framework import serializers

from kvmweb.rest.fields import IdName
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field, search_field

NETWORK_ORDERINGS = both_ways({"name": ("name", "id")})


class NetworkQuery(PageQuery):
    search = search_field()
    ordering = ordering_field(NETWORK_ORDERINGS, "name")
    host = serializers.UUIDField(required=False)
    tenant = serializers.UUIDField(required=False, help_text="What this tenant may use: its own and the shared ones.")


class NetworkShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    host = IdName(allow_null=True, help_text="null for tenants.")
    tenant = IdName(allow_null=True, help_text="null: shared by all.")
    is_shared = serializers.BooleanField()
    bridge = serializers.CharField()
    forward = serializers.CharField(help_text="nat, route, bridge or empty: isolated.")
    is_active = serializers.BooleanField()
    is_missing = serializers.BooleanField()
    is_default = serializers.BooleanField()
    autostart = serializers.BooleanField()
    addresses = serializers.ListField()
    version = serializers.IntegerField()
