"""REST: guests, read and switched. Making, changing and deleting them is in `api_changes`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from guests.models import Guest
from guests.selectors import GuestFilter, guest_for, guest_list, guest_payloads, guest_summary, guest_view
from guests.serializers import GuestQuery, GuestShape, SummaryShape
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint


class GuestsView(ApiView):
    @endpoint("list_guests", query=GuestQuery, answer=page_of(GuestShape))
    def get(self) -> Any:
        """Guests one may see."""
        wanted = {name: value for name, value in self.query.items() if name not in ("page_size", "cursor")}
        for name in ("host", "tenant", "image"):
            wanted[name] = str(wanted.get(name, ""))
        page = keyset_page(guest_list(self.actor, GuestFilter(**wanted)), self.request, self.query)
        return page.answer(guest_payloads(self.actor, page.rows))


class SummaryView(ApiView):
    @endpoint("summarize_guests", answer=SummaryShape)
    def get(self) -> Any:
        """Counts by state."""
        return guest_summary(self.actor)


class GuestBase(ApiView):
    row: Guest

    def find(self, *, guest_id: UUID, **ids: Any) -> Guest:
        return guest_for(self.actor, guest_id)

    def show(self, row: Guest) -> Any:
        return guest_view(self.actor, row)


class GuestView(GuestBase):
    @endpoint("get_guest", answer=GuestShape)
    def get(self) -> Any:
        """One guest."""
        return self.show(self.row)
