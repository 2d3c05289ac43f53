"""What REST takes and answers about consoles."""

from __future__ import annotations

from rest_framework import serializers

from console.models import ConsoleKind, ConsoleMode
from kvmweb.rest.fields import Choice, IdName, StrictSerializer
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field

SESSION_ORDERINGS = both_ways({"opened_at": ("opened_at", "id")})


class OpenConsole(StrictSerializer):
    kind = Choice(choices=ConsoleKind.choices, default="vnc")
    mode = Choice(choices=ConsoleMode.choices, default="control")


class ConsoleShape(serializers.Serializer):
    ticket = serializers.CharField(help_text="For the WebSocket's subprotocol: binary, ticket.<ticket>. Works once, for 30 s.")
    ws_path = serializers.CharField()
    page_url = serializers.CharField()
    expires_at = serializers.DateTimeField()


class SessionQuery(PageQuery):
    ordering = ordering_field(SESSION_ORDERINGS, "-opened_at")
    guest = serializers.UUIDField(required=False)
    tenant = serializers.UUIDField(required=False)


class Person(serializers.Serializer):
    id = serializers.UUIDField(allow_null=True, help_text="Null for an operator, where tenants look.")
    name = serializers.CharField()


class SessionShape(serializers.Serializer):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    user = Person()
    guest = IdName()
    tenant = IdName()
    kind = serializers.ChoiceField(choices=ConsoleKind.choices)
    mode = serializers.ChoiceField(choices=ConsoleMode.choices)
    address = serializers.CharField(help_text="Empty for an operator, where tenants look.")
    opened_at = serializers.DateTimeField()
    active_at = serializers.DateTimeField(help_text="When somebody last did something there.")
    to_viewer_bytes = serializers.IntegerField()
    to_guest_bytes = serializers.IntegerField()
    is_own = serializers.BooleanField()
    can_kick = serializers.BooleanField()
    why_not_kick = serializers.CharField()
