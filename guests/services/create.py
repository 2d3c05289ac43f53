"""Making guests: check, count against quota, choose the host, write the rows, hand the work to a job. One transaction.

The rows are the reservation: they count at once, and the job's undo removes them again when the host refuses.
"""

from __future__ import annotations

from uuid import uuid4

from django.utils import timezone

from guests import cloudinit
from guests.live import touch
from guests.models import CloudInit, Guest, GuestDisk, GuestNic, GuestState
from guests.plan import GIB, SEED_TARGET, disk_name, domain_name, guest_names, new_mac, seed_name
from guests.requests import CloudInitRequest, CreatedGuests, CreateGuest
from guests.services.checks import check_create, check_names_free
from guests.services.placement import Place, choose_place, disk_gib_of
from jobs.models import Job
from jobs.services import counted_runs, submit
from kvmweb.errors import InvalidInput
from storage.models import Image, Volume
from storage.payload import why_not_ready
from tenants.actor import Actor
from tenants.gate import note, operation
from tenants.models import Tenant
from tenants.quota import reserve


@operation("guest.create")
def create_guests(actor: Actor, tenant: Tenant, request: CreateGuest) -> CreatedGuests:
    """Raises InvalidInput, QuotaExceeded, NoCapacity: then nothing was made."""
    check_create(tenant, request)
    disk_gib, count = disk_gib_of(request.image, request.disk_gib), request.count
    size = {"vcpus": request.vcpus * count, "memory_mib": request.memory_mib * count, "disk_gib": disk_gib * count}
    reserve(tenant, guests=count, **size, running_jobs=counted_runs(actor, "guest.create", count))
    _hold_image(request.image)
    names = guest_names(request.name, count)
    check_names_free(tenant, names)
    place = choose_place(actor, tenant, request)
    guests = tuple(_write_guest(actor, tenant, request, name=name, place=place) for name in names)
    note(about=guests[0] if count == 1 else None, message="" if count == 1 else f"{count} guests, {names[0]} to {names[-1]}")
    return CreatedGuests(guests, _submit_jobs(actor, tenant, request, guests=guests, placement=place.reason))


def _hold_image(image: Image) -> None:
    """Against a delete at the same time: it takes the same lock, and then sees our rows."""
    row = Image.objects.select_for_update().get(pk=image.pk)
    reason = why_not_ready(row.state)
    if reason:
        raise InvalidInput(fields={"source": f"Image {row.name} cannot be used. {reason}"})


def _submit_jobs(actor: Actor, tenant: Tenant, request: CreateGuest, *, guests: tuple[Guest, ...], placement: str) -> Job:
    """One guest: its job. Several: a job each, and one over them that says how many are done."""
    parent: Job | None = None
    if len(guests) > 1:
        title = f"Create {len(guests)} guests {guests[0].name} to {guests[-1].name}"
        parent = submit(actor, kind="guest.create_many", title=title, tenant=tenant, args={"count": len(guests)})
    jobs = [_submit_job(actor, guest, request, parent=parent, placement=placement) for guest in guests]
    return parent or jobs[0]


def _submit_job(actor: Actor, guest: Guest, request: CreateGuest, *, parent: Job | None, placement: str) -> Job:
    job = submit(
        actor,
        kind="guest.create",
        title=f"Create guest {guest.name}",
        target=guest,
        tenant=guest.tenant,
        host_id=guest.host_id,
        exclusive_key=f"guest:{guest.pk}",
        args={"guest_id": str(guest.pk), "clone_mode": request.clone_mode, "start": request.start, "placement": placement},
        parent=parent,
    )
    touch(guest.pk)
    return job


def _write_guest(actor: Actor, tenant: Tenant, request: CreateGuest, *, name: str, place: Place) -> Guest:
    uuid = uuid4()
    guest = Guest.objects.create(
        uuid=uuid,
        name=name,
        domain_name=domain_name(name, uuid),
        description=request.description,
        tenant=tenant,
        host=place.host,
        image=request.image,
        os=request.image.os,
        vcpus=request.vcpus,
        memory_mib=request.memory_mib,
        disk_gib=disk_gib_of(request.image, request.disk_gib),
        tags=list(dict.fromkeys(request.tags)),
        autostart=request.autostart,
        expires_at=request.expires_at,
        desired_state=GuestState.RUNNING if request.start else GuestState.SHUTOFF,
        created_by_id=actor.user_id,
        state=GuestState.CREATING,
        state_since=timezone.now(),
        acceleration=place.host.guest_acceleration,
    )
    _write_disk(guest, place)
    _write_nics(guest, place)
    if request.cloud_init is not None or request.image.has_cloud_init or request.image.kind == Image.Kind.CLOUD:
        _write_seed(guest, place, request.cloud_init or CloudInitRequest())
    return guest


def _write_disk(guest: Guest, place: Place) -> None:
    volume = Volume.objects.create(
        pool=place.pool,
        tenant=guest.tenant,
        name=disk_name(guest.domain_name, "vda"),
        purpose=Volume.Purpose.DISK,
        format="qcow2",
        capacity_bytes=guest.disk_gib * GIB,
    )
    GuestDisk.objects.create(guest=guest, volume=volume, target="vda", boot_order=1)


def _write_nics(guest: Guest, place: Place) -> None:
    taken = set(GuestNic.objects.filter(network__in=place.networks).values_list("mac", flat=True))
    for position, network in enumerate(place.networks):
        mac = new_mac(taken)
        taken.add(mac)
        GuestNic.objects.create(guest=guest, network=network, position=position, mac=mac)


def _write_seed(guest: Guest, place: Place, login: CloudInitRequest) -> None:
    """A CD-ROM on virtio-scsi: Debian's cloud kernel has no driver for the SATA controller of q35, and a drive can be emptied later."""
    hostname = login.hostname or guest.name
    CloudInit.objects.create(guest=guest, hostname=hostname, user_data=cloudinit.user_data(login, hostname=hostname, os=guest.os))
    name = seed_name(guest.domain_name)
    volume = Volume.objects.create(pool=place.pool, tenant=guest.tenant, name=name, purpose=Volume.Purpose.SEED, format="raw")
    GuestDisk.objects.create(guest=guest, volume=volume, target=SEED_TARGET, bus="scsi", device="cdrom")
