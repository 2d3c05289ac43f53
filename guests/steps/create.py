"""Steps that make a guest: its disk, its cloud-init seed, its definition. All names come from rows that are there before the files.

A volume whose row is not `ready` was cut short, or never begun: it is deleted and made anew. Nothing refers to it yet.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from guests import cloudinit
from guests.definition import spec_for
from guests.models import CloudInit, Guest, GuestDisk
from guests.steps import power
from guests.steps.common import guest_if_there, guest_of, host_of, seeds_of, write_state
from hypervisor.errors import NotFoundOnHost
from hypervisor.observed import ObservedVolume, PowerState
from hypervisor.port import Host as OpenHost
from hypervisor.port import ProgressCallback
from hypervisor.specs import Acceleration, VolumeSpec
from jobs.workflow import JobContext, StepResult
from kvmweb.errors import Conflict
from storage.models import Image, Pool, Volume
from storage.steps import bases


# -- the image's base in the pool ---------------------------------------------------------------------------------------------------
def ensure_base(context: JobContext) -> None:
    guest = guest_of(context)
    bases.ensure_base(context, host_of(context, guest), _disk_of(guest).pool, image=_image_of(guest))


def has_base(context: JobContext) -> bool:
    guest = guest_of(context)
    return bases.ready_base(host_of(context, guest), _disk_of(guest).pool, _image_of(guest)) is not None


def drop_cut_base(context: JobContext) -> None:
    guest = guest_if_there(context)
    if guest is not None and guest.image is not None:
        bases.drop_cut_base(context, host_of(context, guest), _disk_of(guest).pool, image=guest.image)


# -- the disk -------------------------------------------------------------------------------------------------------------------------
def create_disk(context: JobContext) -> StepResult:
    guest = guest_of(context)
    host, volume = host_of(context, guest), _disk_of(guest)
    base = Volume.objects.get(pool=volume.pool, image=_image_of(guest), purpose=Volume.Purpose.BASE)
    is_overlay = context.args["clone_mode"] == "overlay"

    def make() -> ObservedVolume:
        if is_overlay:
            return host.create_volume(volume.pool.name, _overlay_on(base, volume))
        return host.copy_volume(volume.pool.name, base.name, VolumeSpec(volume.name, volume.capacity_bytes), _report_to(context))

    _make_volume(context, host, volume, make)
    if is_overlay:
        Volume.objects.filter(pk=volume.pk).update(backing=base)
    return {"volume": volume.name}


def _overlay_on(base: Volume, volume: Volume) -> VolumeSpec:
    return VolumeSpec(
        volume.name, volume.capacity_bytes, backing_path=base.path, backing_format="qcow2" if base.format == "qcow2" else "raw"
    )


def delete_disk(context: JobContext) -> None:
    guest = guest_if_there(context)
    if guest is not None:
        volume = _disk_of(guest)
        delete_volume(context, host_of(context, guest), volume.pool, volume.name)


# -- the seed -------------------------------------------------------------------------------------------------------------------------
def create_seed(context: JobContext) -> None:
    guest = guest_of(context)
    volume = next(iter(seeds_of(guest)), None)
    if volume is None:
        return
    host = host_of(context, guest)
    content = _seed_content(guest)

    def make() -> ObservedVolume:
        made = host.create_volume(volume.pool.name, VolumeSpec(volume.name, len(content), format="raw"))
        host.upload_volume(volume.pool.name, volume.name, io.BytesIO(content), len(content), _report_to(context))
        return made

    _make_volume(context, host, volume, make)


def _seed_content(guest: Guest) -> bytes:
    login = CloudInit.objects.get(guest=guest)
    macs = list(guest.nics.order_by("position").values_list("mac", flat=True))
    meta = cloudinit.meta_data(instance_id=str(guest.uuid), hostname=login.hostname)
    return cloudinit.seed_image(meta=meta, user=login.user_data, network=cloudinit.network_config(macs))


def delete_seed(context: JobContext) -> None:
    guest = guest_if_there(context)
    if guest is not None:
        for volume in seeds_of(guest):
            delete_volume(context, host_of(context, guest), volume.pool, volume.name)


# -- the definition -------------------------------------------------------------------------------------------------------------------
def define(context: JobContext) -> None:
    guest = guest_of(context)
    host = host_of(context, guest)
    acceleration = acceleration_on(host, guest)
    host.define_guest(spec_for(guest, acceleration=acceleration))
    if guest.autostart:
        host.set_autostart(guest.uuid, enabled=True)
    Guest.objects.filter(pk=guest.pk).update(acceleration=acceleration)


def acceleration_on(host: OpenHost, guest: Guest) -> Acceleration:
    """As the operator chose or the watcher saw; a host that was never looked at is asked."""
    chosen = guest.host.guest_acceleration or host.info().acceleration
    return "kvm" if chosen == "kvm" else "qemu"


def undefine(context: JobContext) -> None:
    guest = guest_if_there(context)
    if guest is None:
        return
    host = host_of(context, guest)
    seen = host.guest_state(guest.uuid)
    if seen is None:
        return
    if seen.power_state is not PowerState.SHUTOFF:
        host.force_off_guest(guest.uuid)
    host.undefine_guest(guest.uuid)


# -- the start ------------------------------------------------------------------------------------------------------------------------
def start(context: JobContext) -> None:
    if context.args["start"]:
        power.start(context)
        return
    guest = guest_of(context)
    write_state(host_of(context, guest), guest)


# -- shared ---------------------------------------------------------------------------------------------------------------------------
def _disk_of(guest: Guest) -> Volume:
    return GuestDisk.objects.select_related("volume__pool").get(guest=guest, target="vda").volume  # type: ignore[return-value]


def _image_of(guest: Guest) -> Image:
    if guest.image is None:
        raise Conflict(f'The image of guest "{guest.name}" is gone.', hint="Create it again from another image.")
    return guest.image


def _make_volume(context: JobContext, host: OpenHost, volume: Volume, make: Callable[[], ObservedVolume]) -> None:
    if volume.state == Volume.State.READY and host.volume(volume.pool.name, volume.name) is not None:
        return
    # A copy that a killed worker began goes on without it.
    host.delete_volume(volume.pool.name, volume.name, while_busy=context.check)
    made = make()
    Volume.objects.filter(pk=volume.pk).update(
        state=Volume.State.READY, path=made.path, capacity_bytes=made.capacity_bytes, allocation_bytes=made.allocation_bytes
    )


def _report_to(context: JobContext) -> ProgressCallback:
    return lambda done, total: context.progress(done / total if total else 1.0, bytes_done=done, bytes_total=total)


def delete_volume(context: JobContext, host: OpenHost, pool: Pool, name: str) -> None:
    """A pool that is gone has no volumes either."""
    try:
        host.delete_volume(pool.name, name, while_busy=context.check)
    except NotFoundOnHost:
        return
