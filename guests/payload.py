"""One guest as plain JSON values: what REST, the live sockets and the pages show. The same shape for all three.

`guest_payload` is the operator's view and reads only the row and what `selectors.with_details` fetched with it;
`for_actor` turns it into what one person may see and do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from guests.actions import GuestFacts, answers
from guests.models import Guest, GuestDisk, GuestNic
from guests.states import is_stale, state_label
from jobs.models import Job
from jobs.payload import waits_for_host
from tenants.actor import Actor

Payload = dict[str, Any]


def guest_payload(
    guest: Guest, *, active_job: Job | None = None, disks: list[Payload] | None = None, nics: list[Payload] | None = None
) -> Payload:
    """`disks`, `nics`: when the caller has read them already (`guests.listing`)."""
    seen_at = max(filter(None, (guest.observed_at, guest.host.observed_at)), default=None)
    return {
        "id": str(guest.id),
        "uuid": str(guest.uuid),
        "name": guest.name,
        "description": guest.description,
        "tenant": {"id": str(guest.tenant_id), "name": guest.tenant.name},
        "host": {"id": str(guest.host_id), "name": guest.host.name, "state": guest.host.state},
        "image": {"id": str(guest.image_id), "name": guest.image.name} if guest.image else None,
        "state": guest.state,
        "state_label": label_with(active_job, guest.state, is_missing=guest.is_missing),
        "state_since": _time(guest.state_since),
        "desired_state": guest.desired_state,
        "is_missing": guest.is_missing,
        "is_stale": is_stale(host_state=guest.host.state, seen_at=seen_at, now=timezone.now()),
        "observed_at": _time(seen_at),
        "version": guest.version,
        "created_at": _time(guest.created_at),
        "vcpus": guest.vcpus,
        "memory_mib": guest.memory_mib,
        "disk_gib": guest.disk_gib,
        "disks": [disk_payload(disk) for disk in guest.disks.all()] if disks is None else disks,
        "nics": [nic_payload(nic, guest) for nic in guest.nics.all()] if nics is None else nics,
        "addresses": guest.addresses,
        "primary_address": guest.primary_address,
        "os": guest.os,
        "firmware": guest.firmware,
        "acceleration": guest.acceleration,
        "tags": guest.tags,
        "is_protected": guest.is_protected,
        "is_template": guest.is_template,
        "expires_at": _time(guest.expires_at),
        "autostart": guest.autostart,
        "has_agent": guest.has_agent,
        "has_display": guest.has_display,
        "has_serial": guest.has_serial,
        "pending_changes": [],
        "cpu_percent": guest.cpu_percent,
        "memory_used_mib": guest.memory_used_mib,
        "active_job": job_line(active_job) if active_job else None,
    }


def label_with(job: Job | None, state: str, *, is_missing: bool) -> str:
    if job is None:
        return state_label(state, is_missing=is_missing)
    return state_label(state, is_missing=is_missing, job_kind=job.kind, waits_for_host=waits_for_host(job))


def disk_payload(disk: GuestDisk) -> Payload:
    volume = disk.volume
    return {
        "id": str(disk.id),
        "target": disk.target,
        "bus": disk.bus,
        "device": disk.device,
        "capacity_bytes": volume.capacity_bytes if volume else None,
        "format": volume.format if volume else "",
        "pool": {"id": str(volume.pool_id), "name": volume.pool.name} if volume else None,
        "volume": {"id": str(volume.id), "name": volume.name, "purpose": volume.purpose} if volume else None,
    }


def nic_payload(nic: GuestNic, guest: Guest) -> Payload:
    """Addresses are known for the whole guest only; with one interface they are that one's."""
    return {
        "id": str(nic.id),
        "mac": nic.mac,
        "model": nic.model,
        "network": {"id": str(nic.network_id), "name": nic.network.name} if nic.network else None,
        "addresses": guest.addresses if len(guest.nics.all()) == 1 else [],
    }


def job_line(job: Job) -> Payload:
    return {
        "id": str(job.id),
        "kind": job.kind,
        "title": job.title,
        "progress": round(job.progress, 3),
        "step": job.step,
        "state": job.state,
    }


def for_actor(actor: Actor, payload: Payload) -> Payload:
    """A copy for one person: with allowed_actions; hosts and pools only for those who may see hosts."""
    host, job = payload["host"] or {}, payload["active_job"] or {}
    facts = GuestFacts(
        tenant_id=UUID(payload["tenant"]["id"]),
        state=payload["state"],
        is_missing=payload["is_missing"],
        is_protected=payload["is_protected"],
        host_state=host.get("state", "up"),
        job_title=job.get("title", ""),
        job_kind=job.get("kind", ""),
    )
    shaped = {**payload, "allowed_actions": answers(actor, facts)}
    if not actor.sees_everything:
        shaped["host"] = None
        shaped["disks"] = [{**disk, "pool": None} for disk in payload["disks"]]
    return shaped


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
