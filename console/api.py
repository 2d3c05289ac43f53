"""REST: opening a console. What travels through it is the sockets' business."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response

from console.serializers import ConsoleShape, OpenConsole
from console.services import open_console
from console.tickets import login_hash_of
from guests.api import GuestBase
from kvmweb.rest.views import endpoint


class ConsoleView(GuestBase):
    @endpoint("open_console", body=OpenConsole, answer={201: ConsoleShape}, operation="console.view")
    def post(self) -> Any:
        """Open the screen or the serial line of a guest: answers a ticket that works once, for 30 s."""
        opened = open_console(self.actor, self.row, **self.body, login_hash=login_hash_of(self.request))
        names = ("ticket", "ws_path", "page_url", "expires_at")
        return Response({name: getattr(opened, name) for name in names}, status=201)
