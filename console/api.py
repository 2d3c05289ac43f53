"""REST: opening a console, who has one open, and throwing somebody out. What travels through it is the sockets' business."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.response import Response

from console.models import ConsoleSession
from console.payload import for_actor, session_payload
from console.selectors import console_for, open_consoles
from console.serializers import SESSION_ORDERINGS, ConsoleShape, OpenConsole, SessionQuery, SessionShape
from console.services import kick, open_console
from console.tickets import login_hash_of
from guests.api import GuestBase
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint


class ConsoleView(GuestBase):
    @endpoint("open_console", body=OpenConsole, answer={201: ConsoleShape}, operation="console.view")
    def post(self) -> Any:
        """Open the screen or the serial line of a guest: answers a ticket that works once, for 30 s."""
        opened = open_console(self.actor, self.row, **self.body, login_hash=login_hash_of(self.request))
        names = ("ticket", "ws_path", "page_url", "expires_at")
        return Response({name: getattr(opened, name) for name in names}, status=201)


class SessionsView(ApiView):
    @endpoint("list_console_sessions", query=SessionQuery, answer=page_of(SessionShape))
    def get(self) -> Any:
        """Consoles that are open now: one's own, and as an owner those at the tenant's guests."""
        wanted = {f"guest__{column}": self.query[name] for name, column in (("guest", "pk"), ("tenant", "tenant_id")) if name in self.query}
        rows = open_consoles(self.actor).filter(**wanted).order_by(*SESSION_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([for_actor(self.actor, session_payload(row)) for row in page.rows])


class SessionView(ApiView):
    row: ConsoleSession

    def find(self, *, session_id: UUID) -> ConsoleSession:
        return console_for(self.actor, session_id)

    def show(self, row: ConsoleSession) -> Any:
        return for_actor(self.actor, session_payload(row))

    @endpoint("get_console_session", answer=SessionShape)
    def get(self) -> Any:
        """One open console."""
        return self.show(self.row)

    @endpoint("kick_console_session", answer={204: None}, operation="console.kick")
    def delete(self) -> Any:
        """Throw the viewer out: the console closes within 2 s."""
        kick(self.actor, self.row)
        return Response(status=204)
