"""REST: hosts and what runs on them unmanaged. Adopting is the guests room's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hosts.models import Host
from hosts.selectors import host_for, host_list, host_payloads, unmanaged_guests
from hosts.serializers import HOST_ORDERINGS, HostQuery, HostShape, UnmanagedQuery, UnmanagedShape
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint


class HostsView(ApiView):
    @endpoint("list_hosts", query=HostQuery, answer=page_of(HostShape))
    def get(self) -> Any:
        """Hosts; empty for those who see no hosts."""
        rows = host_list(self.actor, search=self.query.get("search", ""), state=self.query.get("state", ""))
        page = keyset_page(rows.order_by(*HOST_ORDERINGS[self.query["ordering"]]), self.request, self.query)
        return page.answer(host_payloads(page.rows))


class HostBase(ApiView):
    row: Host

    def find(self, *, host_id: UUID) -> Host:
        return host_for(self.actor, host_id)

    def show(self, row: Host) -> Any:
        return host_payloads([row])[0]


class HostView(HostBase):
    @endpoint("get_host", answer=HostShape)
    def get(self) -> Any:
        """One host: what it is, what it has, what its guests hold."""
        return self.show(self.row)


class UnmanagedView(HostBase):
    @endpoint("list_unmanaged", query=UnmanagedQuery, answer=page_of(UnmanagedShape))
    def get(self) -> Any:
        """Guests on the host that nobody here owns; they can be adopted."""
        descending = self.query["ordering"].startswith("-")
        rows = unmanaged_guests(self.actor, self.row).order_by(*(("-name", "-id") if descending else ("name", "id")))
        page = keyset_page(rows, self.request, self.query)
        names = ("name", "state", "vcpus", "memory_mib", "first_seen_at")
        return page.answer([{"domain_uuid": row.uuid, **{name: getattr(row, name) for name in names}} for row in page.rows])
