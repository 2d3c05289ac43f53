"""Giving a guest to another tenant: the row, its disks and what it counts move in one transaction; nothing on its host changes.

Jobs and records from before stay with the tenant they were made for. Open consoles of people who lose sight of it close by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from guests.live import touch
from guests.models import Guest, GuestDisk, GuestState
from guests.plan import seed_name
from jobs.selectors import active_jobs_for
from jobs.services import busy_sentence
from kvmweb.errors import Busy, Conflict, NotAllowed
from live import publish
from networks.models import Network
from storage.models import Image, Volume
from tenants import audit
from tenants.actor import Actor
from tenants.gate import note, operation
from tenants.models import AuditEntry, Tenant
from tenants.policy import why_not
from tenants.querysets import TenantQuerySet
from tenants.quota import reserve


@operation("guest.transfer")
def transfer_guest(actor: Actor, guest: Guest, tenant: Tenant) -> Guest:
    """The caller found `tenant` for the actor, who has to be owner in both, or operator.

    Raises Conflict when it depends on something private of its tenant, Busy while a job works on it, QuotaExceeded.
    """
    reason = why_not(actor, "guest.transfer", tenant.pk)
    if reason:
        raise NotAllowed(f"You may not give guests to {tenant.name}. {reason}")
    row = Guest.objects.select_for_update(of=("self",)).select_related("tenant", "image__tenant").get(pk=guest.pk)
    before = row.tenant
    _refuse(row, tenant)
    reserve(tenant, guests=1, vcpus=row.vcpus, memory_mib=row.memory_mib, disk_gib=row.disk_gib)
    _refuse_taken_name(row, tenant)
    blockers = list(what_keeps(row, tenant))
    if blockers:
        raise Conflict(f'Guest "{row.name}" cannot go to {tenant.name}: {" ".join(blockers)}', code="depends_on_tenant")
    disks_of(row).filter(tenant=before).update(tenant=tenant)
    is_foreign_image = row.image is not None and row.image.tenant_id not in (None, tenant.pk)
    # Where it came from is a private image's name; its disks do not stand on it, or `what_keeps` had said so.
    touch(row.pk, tenant=tenant, **({"image": None} if is_foreign_image else {}))
    row.refresh_from_db()
    publish.removed("guest", row.pk, tenant_id=before.pk, version=row.version)
    note(f"given to {tenant.name}")
    audit.record(actor, "guest.transfer", AuditEntry.Outcome.DONE, target=row, message=f"came from {before.name}")
    return row


def _refuse(row: Guest, tenant: Tenant) -> None:
    if row.tenant_id == tenant.pk:
        raise Conflict(f'Guest "{row.name}" belongs to {tenant.name} already.', code="already_there")
    if not tenant.is_active:
        raise Conflict(f"Tenant {tenant.name} is disabled.", hint="An admin can enable it.")
    running = active_jobs_for([row.pk]).get(row.pk)
    if running is not None or row.state == GuestState.CREATING:
        sentence = busy_sentence(running) if running else f'Guest "{row.name}" is being created.'
        raise Busy(sentence, hint="Wait for it to finish, then give the guest away.")


def _refuse_taken_name(row: Guest, tenant: Tenant) -> None:
    """After `reserve`, which locked the tenant: two guests cannot both take the name."""
    if Guest.objects.filter(tenant=tenant, name=row.name).exists():
        raise Conflict(f"{tenant.name} has a guest called {row.name} already.", hint="Rename one of the two first.", code="name_taken")


def disks_of(guest: Guest) -> TenantQuerySet[Volume]:
    """Volumes attached to it, and the seed of its first boot, whose drive may be empty while its file is still there."""
    attached = GuestDisk.objects.filter(guest=guest, volume__isnull=False).values("volume")
    seeds = Volume.objects.filter(pool__host=guest.host_id, purpose=Volume.Purpose.SEED, tenant=guest.tenant_id)
    return Volume.objects.filter(Q(pk__in=attached) | Q(pk__in=seeds.filter(name__endswith=seed_name(guest.uuid.hex[:8])).values("pk")))


def what_keeps(guest: Guest, tenant: Tenant) -> Iterator[str]:
    """Sentences about what the guest needs and `tenant` may not have: each with what to do about it."""
    foreign = ~Q(tenant=None) & ~Q(tenant=tenant)
    volumes = list(disks_of(guest).select_related("image__tenant", "backing"))
    stands_on = [each for volume in volumes for each in (volume, *_chain(volume))]
    needed = [each.image_id for each in stands_on if each.image_id is not None]
    for image in Image.objects.filter(foreign, pk__in=needed).order_by("name"):
        yield f"its disk stands on the private image {image.name}. Make that image public, or a full copy of the guest, first."
    for network in Network.objects.filter(foreign, nics__guest=guest).distinct().order_by("name"):
        yield f"it is connected to the private network {network.name}. Connect it to a shared network first."
    shared = (
        GuestDisk.objects.filter(volume__in=volumes).exclude(guest=guest).exclude(guest__tenant=tenant).select_related("guest", "volume")
    )
    for disk in shared.order_by("guest__name"):
        yield f"it shares the disk {disk.volume} with guest {disk.guest.name}. Detach the disk from one of them first."


def _chain(volume: Volume) -> Iterator[Volume]:
    while volume.backing is not None:
        volume = volume.backing
        yield volume
