"""What the steps of guests share: the row and its host behind a job, and writing down at once what the host says."""

from __future__ import annotations

from guests.inventory import apply_state_of_version
from guests.models import Guest
from guests.plan import seed_name
from hypervisor.observed import PowerState
from hypervisor.port import Host as OpenHost
from jobs.workflow import JobContext
from kvmweb.errors import Conflict
from storage.models import Volume


def guest_of(context: JobContext) -> Guest:
    return Guest.objects.select_related("host").get(pk=context.args["guest_id"])


def guest_if_there(context: JobContext) -> Guest | None:
    """For undo and delete, which may run when the row is gone."""
    return Guest.objects.select_related("host").filter(pk=context.args["guest_id"]).first()


def host_of(context: JobContext, guest: Guest) -> OpenHost:
    return context.host(guest.host.hypervisor_address)


def power_state(host: OpenHost, guest: Guest) -> PowerState:
    """Raises Conflict when the host does not have the guest any more."""
    seen = host.guest_state(guest.uuid)
    if seen is None:
        raise Conflict(
            f'Guest "{guest.name}" is not on its host any more.', hint="Somebody removed it there. Delete it here, or ask an operator."
        )
    return seen.power_state


def write_state(host: OpenHost, guest: Guest) -> None:
    """The page does not wait for the watcher."""
    row = Guest.objects.only("state", "is_missing", "version").filter(pk=guest.pk).first()
    seen = host.guest_state(guest.uuid)
    if row is not None and seen is not None and (row.state != seen.power_state or row.is_missing):
        apply_state_of_version(row.pk, row.version, seen.power_state)


def seeds_of(guest: Guest) -> list[Volume]:
    """By the ending we gave the name: the watcher unplugs the row as soon as it sees the empty drive, and virsh can rename a domain."""
    seeds = Volume.objects.select_related("pool").filter(pool__host=guest.host_id, purpose=Volume.Purpose.SEED, tenant=guest.tenant_id)
    return list(seeds.filter(name__endswith=seed_name(guest.uuid.hex[:8])))
