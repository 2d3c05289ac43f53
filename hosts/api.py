"""REST: hosts and what runs on them unmanaged. Adopting is the guests room's."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from rest_framework.response import Response

from hosts.models import Host
from hosts.removal import forget_host, remove_host
from hosts.selectors import host_for, host_list, host_payloads, unmanaged_guests
from hosts.serializers import (
    HOST_ORDERINGS,
    ChangeHost,
    CreateHost,
    HostQuery,
    HostShape,
    LeftBehindShape,
    RemoveHost,
    UnmanagedQuery,
    UnmanagedShape,
)
from hosts.services import AddHost, add_host, change_host, preflight_host
from jobs.api import accepted
from jobs.serializers import JobAnswer
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

    @endpoint("create_host", body=CreateHost, answer={201: HostShape}, operation="host.create")
    def post(self) -> Any:
        """Add a host. The watcher connects to it within seconds; its state says how that went."""
        return Response(host_payloads([add_host(self.actor, None, AddHost(**self.body))])[0], status=201)


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

    @endpoint("change_host", body=ChangeHost, answer=HostShape, operation="host.change")
    def patch(self) -> Any:
        """Change a host, or disable it: its guests run on, but nothing new is done there."""
        return self.show(change_host(self.actor, self.row, self.body))

    @endpoint("remove_host", body=RemoveHost, answer={200: LeftBehindShape, 202: JobAnswer, 204: None}, operation="host.delete")
    def delete(self) -> Any:
        """Take a host off the list. 202 while copies of images are deleted there; 200 for one that was forgotten with what it holds."""
        if self.body["forget"]:
            left = forget_host(self.actor, self.row, confirm_name=self.body["confirm_name"], with_guests=self.body["with_guests"])
            return {"left_behind": asdict(left)}
        job = remove_host(self.actor, self.row)
        return Response(status=204) if job is None else accepted(self.actor, job)


class PreflightView(HostBase):
    @endpoint("check_host", answer={202: JobAnswer}, operation="host.preflight")
    def post(self) -> Any:
        """Check what a host can do and what is in the way, as a job."""
        return accepted(self.actor, preflight_host(self.actor, self.row))


class UnmanagedView(HostBase):
    @endpoint("list_unmanaged", query=UnmanagedQuery, answer=page_of(UnmanagedShape))
    def get(self) -> Any:
        """Guests on the host that nobody here owns; they can be adopted."""
        descending = self.query["ordering"].startswith("-")
        rows = unmanaged_guests(self.actor, self.row).order_by(*(("-name", "-id") if descending else ("name", "id")))
        page = keyset_page(rows, self.request, self.query)
        names = ("name", "state", "vcpus", "memory_mib", "first_seen_at")
        return page.answer([{"domain_uuid": row.uuid, **{name: getattr(row, name) for name in names}} for row in page.rows])
