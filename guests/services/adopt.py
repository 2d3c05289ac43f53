"""Taking over a domain that runs on a host already: the row at once, its disks and interfaces by a job that reads the definition.

Nothing on the host is changed: not its name, not its devices, not its state.
"""

from __future__ import annotations

import re
from uuid import UUID

from django.utils import timezone

from guests.live import touch
from guests.models import Guest, GuestState
from hosts.models import Host, UnmanagedGuest
from jobs.models import Job
from jobs.services import submit
from kvmweb.errors import InvalidInput, NotFound
from tenants.actor import Actor
from tenants.gate import note, operation
from tenants.models import Tenant
from tenants.quota import reserve


@operation("guest.adopt")
def adopt_guest(actor: Actor, tenant: Tenant, host: Host, domain_uuid: UUID | str) -> Job:
    """Give an unmanaged domain to `tenant`, under its libvirt name made to fit our rules. Operators only."""
    found = _unmanaged(host, domain_uuid)
    # Its disks are not known yet: the job reserves them when it has read the definition.
    vcpus = max(found.vcpus, 1)
    reserve(tenant, guests=1, vcpus=vcpus, memory_mib=found.memory_mib)
    if Guest.objects.filter(host=host, uuid=found.uuid).exists():
        raise InvalidInput(fields={"domain_uuid": "This domain has an owner already."})
    is_off = found.state == GuestState.SHUTOFF
    guest = Guest.objects.create(
        uuid=found.uuid,
        name=_free_name(tenant, found.name),
        domain_name=found.name[:100],
        tenant=tenant,
        host=host,
        vcpus=vcpus,
        memory_mib=found.memory_mib,
        desired_state=GuestState.SHUTOFF if is_off else GuestState.RUNNING,
        created_by_id=actor.user_id,
        state=found.state,
        state_since=timezone.now(),
        observed_at=timezone.now(),
    )
    note(about=guest)
    UnmanagedGuest.objects.filter(pk=found.pk).delete()
    job = submit(
        actor,
        kind="guest.adopt",
        title=f"Adopt guest {guest.name}",
        target=guest,
        tenant=tenant,
        host_id=host.pk,
        exclusive_key=f"guest:{guest.pk}",
        args={"guest_id": str(guest.pk)},
    )
    touch(guest.pk)
    return job


def _unmanaged(host: Host, domain_uuid: UUID | str) -> UnmanagedGuest:
    try:
        found = UnmanagedGuest.objects.select_for_update().filter(host=host, uuid=UUID(str(domain_uuid))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such unmanaged domain on this host.")
    return found


def _free_name(tenant: Tenant, libvirt_name: str) -> str:
    slug = re.sub(r"[^a-z0-9-]+", "-", libvirt_name.lower()).strip("-")[:55].strip("-") or "guest"
    taken = set(Guest.objects.filter(tenant=tenant, name__startswith=slug).values_list("name", flat=True))
    names = (slug if number == 1 else f"{slug}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
