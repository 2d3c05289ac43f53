"""REST: guests. Each method finds rows, asks a service, and shows what it made; what is allowed when is the services' business."""

from __future__ import annotations

from operator import itemgetter
from typing import Any
from uuid import UUID

from rest_framework.response import Response

from guests import serializers
from guests.actions import OPERATION_OF
from guests.models import Guest
from guests.requests import CloudInitRequest, CreateGuest
from guests.selectors import GuestFilter, guest_for, guest_list, guest_payloads, guest_summary, guest_view
from guests.services.adopt import adopt_guest
from guests.services.bulk import Pace, act_on_many
from guests.services.change import change_guest
from guests.services.create import create_guests
from guests.services.delete import delete_guest
from guests.services.power import POWER
from guests.services.transfer import transfer_guest
from hosts.models import Host
from hosts.selectors import host_for
from jobs.api import accepted
from jobs.payload import job_payload
from jobs.selectors import active_jobs_for, job_list
from jobs.serializers import JobAnswer
from kvmweb.rest.fields import StrictSerializer
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.rows import named_row, named_tenant
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, Nothing, endpoint
from networks.models import Network
from storage.models import Image
from tenants.audit import reading

TIMELINE_LINES = 100


class GuestsView(ApiView):
    @endpoint("list_guests", query=serializers.GuestQuery, answer=page_of(serializers.GuestShape))
    def get(self) -> Any:
        """Guests one may see."""
        wanted = {name: value for name, value in self.query.items() if name not in ("page_size", "cursor")}
        for name in ("host", "tenant", "image"):
            wanted[name] = str(wanted.get(name, ""))
        page = keyset_page(guest_list(self.actor, GuestFilter(**wanted)), self.request, self.query)
        return page.answer(guest_payloads(self.actor, page.rows))

    @endpoint("create_guests", body=serializers.CreateGuestBody, answer={202: serializers.GuestsAndJob})
    def post(self) -> Any:
        """Create one guest, or `count` of them, from an image."""
        self.tenant = named_tenant(self.actor, self.body["tenant"], "guest.create")
        created = create_guests(self.actor, self.tenant, self._request())
        guests = guest_payloads(self.actor, [guest_for(self.actor, guest.pk) for guest in created.guests])
        return accepted(self.actor, created.job, guests=guests)

    def _request(self) -> CreateGuest:
        body, actor = self.body, self.actor
        plain = ("name", "vcpus", "memory_mib", "disk_gib", "count", "start", "description", "expires_at", "autostart")
        nics = [nic["network"] for nic in body.get("nics", ())]
        return CreateGuest(
            **{name: body[name] for name in plain},
            image=named_row(Image.objects, actor, body["source"]["image"], field="source.image"),
            clone_mode=body["source"]["clone"],
            networks=tuple(named_row(Network.objects, actor, pk, field=f"nics.{n}.network") for n, pk in enumerate(nics)),
            host=named_row(Host.objects, actor, body["host"], field="host") if body["host"] else None,
            cloud_init=_login(body["cloud_init"]),
            tags=tuple(body["tags"]),
        )


def _login(body: dict[str, Any] | None) -> CloudInitRequest | None:
    if body is None:
        return None
    return CloudInitRequest(**{**body, "ssh_keys": tuple(body.get("ssh_keys", ()))})


class SummaryView(ApiView):
    @endpoint("summarize_guests", answer=serializers.SummaryShape)
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
    @endpoint("get_guest", answer=serializers.GuestShape)
    def get(self) -> Any:
        """One guest."""
        return self.show(self.row)

    @endpoint(
        "change_guest",
        body=serializers.ChangeGuestBody,
        answer={200: serializers.GuestShape, 202: serializers.GuestAndJob},
        operation="guest.change",
    )
    def patch(self) -> Any:
        """Change a guest: at once, or as a job where its host has to know."""
        guest = self.show(guest_for(self.actor, change_guest(self.actor, self.row, self.body).pk))
        job = active_jobs_for([self.row.pk]).get(self.row.pk)
        has_new_size = not {"vcpus", "memory_mib"}.isdisjoint(self.body)
        return accepted(self.actor, job, guest=guest) if job and has_new_size else guest

    @endpoint("delete_guest", body=serializers.DeleteGuestBody, answer={202: JobAnswer}, operation="guest.delete")
    def delete(self) -> Any:
        """Delete a guest, by default with its disks."""
        return accepted(self.actor, delete_guest(self.actor, self.row, **self.body))


class TransferView(GuestBase):
    @endpoint("transfer_guest", body=serializers.TransferBody, answer=serializers.GuestShape, operation="guest.transfer")
    def post(self) -> Any:
        """Give a guest with its disks to another tenant, in which one is owner too."""
        self.tenant = named_tenant(self.actor, self.body["tenant"], "guest.transfer")
        return self.show(guest_for(self.actor, transfer_guest(self.actor, self.row, self.tenant).pk))


def power_view(verb: str) -> type[ApiView]:
    """A view per verb, so that each has its own route, operation and place in the document."""
    body: type[StrictSerializer] = serializers.ShutdownBody if verb == "shutdown" else Nothing

    class PowerView(GuestBase):
        def find(self, *, guest_id: UUID, **ids: Any) -> Guest:
            return Guest.objects.get_visible(self.actor, guest_id)  # a click needs no disks and NICs

        @endpoint(
            f"{verb.replace('-', '_')}_guest",
            body=body,
            answer={202: JobAnswer},
            operation=OPERATION_OF[verb],
            summary=f"{verb.replace('-', ' ').capitalize()} a guest.",
        )
        def post(self) -> Any:
            return accepted(self.actor, POWER[verb](self.actor, self.row, **self.body))

    return PowerView


class AdoptView(ApiView):
    row: Host

    def find(self, *, host_id: UUID) -> Host:
        return host_for(self.actor, host_id)

    @endpoint("adopt_guest", body=serializers.AdoptBody, answer={202: serializers.GuestAndJob}, operation="guest.adopt")
    def post(self) -> Any:
        """Take over a guest that runs on the host unmanaged, for a tenant."""
        self.tenant = named_tenant(self.actor, self.body["tenant"], "guest.adopt")
        job = adopt_guest(self.actor, self.tenant, self.row, self.body["domain_uuid"])
        return accepted(self.actor, job, guest=guest_view(self.actor, guest_for(self.actor, str(job.target_id))))


class TimelineView(GuestBase):
    @endpoint("get_guest_timeline", answer=serializers.TimelineShape)
    def get(self) -> Any:
        """What happened to the guest, newest first: its jobs, and what was done or refused without a job."""
        jobs = [
            {
                "at": job.created_at,
                "title": job.title,
                "state": job.state,
                "actor": job.actor_label,
                "text": job.outcome or (job.error or {}).get("message", ""),
                "job": job.pk,
            }
            for job in job_list(self.actor, target_id=self.row.pk)[:TIMELINE_LINES]
        ]
        entries = [
            {
                "at": entry.at,
                "title": entry.operation,
                "state": entry.outcome,
                "actor": entry.actor_label,
                "text": entry.message,
                "job": entry.job_id,
            }
            for entry in reading.about(self.actor, self.row)[:TIMELINE_LINES]
        ]
        lines: list[dict[str, Any]] = sorted([*jobs, *entries], key=itemgetter("at"), reverse=True)
        return {"results": lines[:TIMELINE_LINES]}


class BulkView(ApiView):
    @endpoint("change_many_guests", body=serializers.BulkBody, answer={202: JobAnswer})
    def post(self) -> Any:
        """Do one power action with many guests: one job, whose items say what became of each. 409 when none of them can."""
        pace = Pace(self.body["parallel"], self.body["stop_on_errors"], self.body["canary"])
        wanted = GuestFilter(**self.body["filter"]) if "filter" in self.body else None
        job = act_on_many(self.actor, self.body["action"], ids=self.body.get("ids", ()), wanted=wanted, pace=pace)
        return Response({"job": job_payload(job, self.actor, detail=True)}, status=202)
