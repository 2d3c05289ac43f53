"""The image base: one read-only copy of an image per pool that all overlays stand on and full copies are made from.

Its row is the lock: unique per pool and image, and `maker_job_id` says whose upload it is. Others wait without holding a worker, and
take over when that job no longer runs.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from hypervisor.port import Host as OpenHost
from hypervisor.specs import VolumeFormat, VolumeSpec
from jobs.models import Job, JobState
from jobs.workflow import JobContext, NotYet
from kvmweb.errors import Conflict
from storage.models import Image, Pool, Volume

LOOK_AGAIN_S = 1.0


def base_name(image: Image) -> str:
    return f"base-{image.pk.hex[:12]}.{image.format}"


def ready_base(host: OpenHost, pool: Pool, image: Image) -> Volume | None:
    """The base, when the row says so and the host has it."""
    base = _ready_row(pool, image)
    return base if base is not None and host.volume(pool.name, base.name) is not None else None


def _ready_row(pool: Pool, image: Image) -> Volume | None:
    return Volume.objects.filter(pool=pool, image=image, purpose=Volume.Purpose.BASE, state=Volume.State.READY).first()


def ensure_base(context: JobContext, host: OpenHost, pool: Pool, *, image: Image) -> Volume:
    """Upload the image into the pool unless it is there. Raises NotYet while another job does that."""
    row = _ready_row(pool, image)
    if row is not None and host.volume(pool.name, row.name) is not None:
        return row
    base = _claim(context.job_id, pool, image, is_gone=row is not None)
    if base is None:
        raise NotYet(LOOK_AGAIN_S)
    _fill(context, host, base, image)
    Volume.objects.filter(pk=base.pk, maker_job_id=context.job_id).update(state=Volume.State.READY, maker_job_id=None)
    base.refresh_from_db()
    return base


def drop_cut_base(context: JobContext, host: OpenHost, pool: Pool, *, image: Image) -> None:
    """Undo of an upload that did not end. A base that is complete stays: it belongs to the image."""
    base = Volume.objects.filter(pool=pool, image=image, purpose=Volume.Purpose.BASE, maker_job_id=context.job_id).first()
    if base is not None:
        host.delete_volume(pool.name, base.name, while_busy=context.check)
        base.delete()


def _claim(job_id: UUID, pool: Pool, image: Image, *, is_gone: bool) -> Volume | None:
    """The base's row, ours to fill; None while the job that fills it runs. `is_gone`: the row says ready, the host has no file."""
    with transaction.atomic():
        row = Image.objects.select_for_update().get(pk=image.pk)
        if row.state != Image.State.READY:
            raise Conflict(f"Image {row.name} cannot be used any more: it is {row.get_state_display()}.")
        base, is_new = Volume.objects.select_for_update().get_or_create(
            pool=pool,
            image=image,
            purpose=Volume.Purpose.BASE,
            defaults={"name": base_name(image), "format": image.format, "maker_job_id": job_id},
        )
        maker = base.maker_job_id
        if not is_new and maker is not None and maker != job_id and _runs(maker):
            return None
        if base.state == Volume.State.READY and not is_gone:
            return None  # finished since we looked
        base.maker_job_id, base.state = job_id, Volume.State.CREATING
        base.save(update_fields=["maker_job_id", "state"])
        return base


def _runs(job_id: UUID) -> bool:
    return job_id is not None and Job.objects.filter(pk=job_id, state__in=(JobState.RUNNING, JobState.CANCELLING)).exists()


def _fill(context: JobContext, host: OpenHost, base: Volume, image: Image) -> None:
    path = image_file(image)
    host.delete_volume(base.pool.name, base.name, while_busy=context.check)  # what an upload that was cut has left
    capacity = max(image.virtual_size_bytes, image.size_bytes) if image.format != "qcow2" else image.virtual_size_bytes
    made = host.create_volume(base.pool.name, VolumeSpec(name=base.name, capacity_bytes=capacity, format=_format(image)))
    with path.open("rb") as source:
        length = path.stat().st_size

        def report(done: int, total: int) -> None:
            context.progress(done / total if total else 1.0, bytes_done=done, bytes_total=total)

        host.upload_volume(base.pool.name, base.name, source, length, report)
    Volume.objects.filter(pk=base.pk).update(path=made.path, capacity_bytes=capacity, allocation_bytes=length)


def image_file(image: Image) -> Path:
    path = Path(settings.IMAGES_DIR) / image.file_name
    if not image.file_name or not path.is_file():
        raise Conflict(f"The file of image {image.name} is gone from this server.", hint="Build or import the image again.")
    return path


def _format(image: Image) -> VolumeFormat:
    return "qcow2" if image.format == "qcow2" else "raw"
