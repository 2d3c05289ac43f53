"""image.import, image.build and image.delete."""

from __future__ import annotations

from jobs.workflow import JobContext, Step, Workflow
from storage.live import tell_removed, touch_image
from storage.models import Image
from storage.steps import images


def _ready(context: JobContext) -> None:
    Image.objects.filter(pk=context.args["image_id"]).update(state=Image.State.READY, state_reason="")
    touch_image(context.args["image_id"])


def _not_made(context: JobContext) -> None:
    """Failed: the row stays and says why, so that it can be retried. Cancelled: nobody wants it."""
    reason = images.why(context)
    row = Image.objects.filter(pk=context.args["image_id"]).first()
    if row is None:
        return
    if reason:
        Image.objects.filter(pk=row.pk).update(state=Image.State.FAILED, state_reason=reason, size_bytes=0, file_name="", sha256="")
        touch_image(row.pk)
    else:
        _remove(row)


def _deleted(context: JobContext) -> None:
    row = Image.objects.filter(pk=context.args["image_id"]).first()
    if row is not None:
        _remove(row)


def _not_deleted(context: JobContext) -> None:
    """Copies that are gone already come back when a guest needs them; without its file the image is of no use."""
    row = Image.objects.filter(pk=context.args["image_id"]).first()
    if row is not None:
        is_there = bool(row.file_name) and images.kept_file(row).is_file()
        state = Image.State.READY if is_there else Image.State.FAILED
        Image.objects.filter(pk=row.pk).update(state=state, state_reason="" if is_there else "Its file is gone.")
        touch_image(row.pk)


def _remove(row: Image) -> None:
    tell_removed(row)
    row.delete()


IMPORT_IMAGE = Workflow(
    "image.import",
    (
        Step("copy", "Copy the file", images.copy_file, images.remove_copy, weight=3),
        Step("check", "Check what it is", images.check_copy),
        Step("flatten", "Write a clean copy", images.flatten, images.remove_flattened, weight=3),
        Step("take_stock", "Take its size and hash", images.take_stock),
    ),
    on_success=_ready,
    on_failure=_not_made,
)

BUILD_IMAGE = Workflow(
    "image.build",
    (
        Step("build", "Run the recipe", images.build, images.remove_flattened, weight=20),
        Step("take_stock", "Take its size and hash", images.take_stock),
    ),
    on_success=_ready,
    on_failure=_not_made,
)

DELETE_IMAGE = Workflow(
    "image.delete",
    (
        Step("delete_bases", "Delete its copies on hosts", images.delete_bases),
        Step("delete_file", "Delete its file", images.delete_file),
    ),
    on_success=_deleted,
    on_failure=_not_deleted,
)
