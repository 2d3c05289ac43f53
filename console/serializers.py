"""What REST takes and answers about consoles."""

from __future__ import annotations

from rest_framework import serializers

from console.models import ConsoleKind, ConsoleMode
from kvmweb.rest.fields import Choice, StrictSerializer


class OpenConsole(StrictSerializer):
    kind = Choice(choices=ConsoleKind.choices, default="vnc")
    mode = Choice(choices=ConsoleMode.choices, default="control")


class ConsoleShape(serializers.Serializer):
    ticket = serializers.CharField(help_text="For the WebSocket's subprotocol: binary, ticket.<ticket>. Works once, for 30 s.")
    ws_path = serializers.CharField()
    page_url = serializers.CharField()
    expires_at = serializers.DateTimeField()
