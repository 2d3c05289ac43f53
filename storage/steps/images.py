"""Steps that fill the catalogue of images: copying, checking and flattening an imported file, running a recipe, deleting.

Untrusted bytes are copied into our folder first and looked at there, so that nobody can swap the file between the look and the use.
`qemu-img` is always told the format, and runs with limits on memory, time and file access.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from jobs.workflow import JobContext, StepResult
from kvmweb.errors import Conflict, InvalidInput
from storage.image_gate import inspect
from storage.models import Image, Volume
from storage.steps.children import SafeChild
from storage.steps.recipe_run import run_recipe

CHUNK_BYTES = 4 * 1024 * 1024
CONVERT_MEMORY_BYTES = 2 * 1024**3
CONVERT_CPU_S = 3600
PERCENT = re.compile(rb"\((\d+(?:\.\d+)?)/100%\)")


def image_of(context: JobContext) -> Image:
    """Raises Conflict when it was deleted, as a failed one may be before its job is retried."""
    image = Image.objects.filter(pk=context.args["image_id"]).first()
    if image is None:
        raise Conflict("The image was deleted meanwhile.", hint="Start again from the images page.")
    return image


def source_copy(image: Image) -> Path:
    return Path(settings.IMAGES_DIR) / f".{image.pk}.source"


def final_name(image: Image) -> str:
    return f"{image.pk}.{'iso' if image.format == 'iso' else 'qcow2'}"


# -- import -----------------------------------------------------------------------------------------------------------------------------
def copy_file(context: JobContext) -> StepResult:
    """Into our folder, hashed on the way. A second run writes the copy anew."""
    image = image_of(context)
    Image.objects.filter(pk=image.pk).update(state=Image.State.BUILDING, state_reason="")
    source, copy = Path(settings.IMPORT_DIR) / context.args["file_name"], source_copy(image)
    if source.is_symlink() or not source.is_file():
        raise Conflict(f"The file {source.name} is gone from the import folder.", hint="Put it there again, then retry.")
    copy.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reader, copy.open("wb") as writer:
        return {"sha256": _copy(context, reader, writer, total=source.stat().st_size)}


def _copy(context: JobContext, reader: BinaryIO, writer: BinaryIO, *, total: int) -> str:
    digest, done = hashlib.sha256(), 0
    while chunk := reader.read(CHUNK_BYTES):
        digest.update(chunk)
        if chunk.count(0) == len(chunk):
            writer.seek(len(chunk), 1)  # keeps a sparse disk sparse
        else:
            writer.write(chunk)
        done += len(chunk)
        context.progress(done / total if total else 1.0, bytes_done=done, bytes_total=total)
    writer.truncate(done)
    return digest.hexdigest()


def remove_copy(context: JobContext) -> None:
    (Path(settings.IMAGES_DIR) / f".{context.args['image_id']}.source").unlink(missing_ok=True)


def check_copy(context: JobContext) -> None:
    image = image_of(context)
    wanted, found = context.args["checksum"], context.results["copy"]["sha256"]
    if wanted and wanted != found:
        raise InvalidInput(fields={"checksum": f"The file's SHA-256 is {found}, not the one given."})
    if final_file(image).is_file():
        return  # flattened already, by the run before
    facts = inspect(source_copy(image), declared=context.args["declared"])
    if facts.virtual_size_bytes > image.virtual_size_bytes:
        # So much was counted against the quota when it was looked at first.
        raise Conflict("The file became larger after it was looked at.", hint="Start again from the images page.")
    Image.objects.filter(pk=image.pk).update(format=facts.format, virtual_size_bytes=facts.virtual_size_bytes)


def final_file(image: Image) -> Path:
    return Path(settings.IMAGES_DIR) / final_name(image)


def kept_file(image: Image) -> Path:
    """Where the row says its file is; a plain name, never a path."""
    return Path(settings.IMAGES_DIR) / Path(image.file_name).name


def flatten(context: JobContext) -> None:
    """A new file of ours with nothing in it but the disk's content; an ISO is kept as it is."""
    image = image_of(context)
    copy, target = source_copy(image), final_file(image)
    if target.is_file():
        return
    if context.args["declared"] == "iso":
        copy.replace(target)
        return
    partial = target.with_name(f".{target.name}.partial")
    _convert(context, copy, partial, declared=context.args["declared"])
    partial.replace(target)


def _convert(context: JobContext, source: Path, target: Path, *, declared: str) -> None:
    limits = ["prlimit", f"--as={CONVERT_MEMORY_BYTES}", f"--cpu={CONVERT_CPU_S}", "--core=0"]
    command = [*limits, "qemu-img", "convert", "-p", "-f", declared, "-O", "qcow2", str(source), str(target)]
    with tempfile.TemporaryFile() as complaints, SafeChild(command, stdout=subprocess.PIPE, stderr=complaints) as child:
        while child.process.poll() is None:
            for percent in PERCENT.findall(child.read_some(0.5)):
                context.progress(float(percent) / 100)
            context.check()
        if child.process.returncode != 0:
            complaints.seek(0)
            text = complaints.read(2000).decode(errors="replace")
            raise Conflict("The image could not be converted.", hint="It may be damaged: qemu-img check says more.") from RuntimeError(text)


def remove_flattened(context: JobContext) -> None:
    folder = Path(settings.IMAGES_DIR)
    for name in (f"{context.args['image_id']}.{ending}" for ending in ("qcow2", "iso")):
        (folder / name).unlink(missing_ok=True)
        (folder / f".{name}.partial").unlink(missing_ok=True)


def take_stock(context: JobContext) -> None:
    """Size and hash of what we keep; the copy has done its work."""
    image = image_of(context)
    path = final_file(image)
    facts = inspect(path, declared="iso" if path.suffix == ".iso" else "qcow2")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    Image.objects.filter(pk=image.pk).update(
        format=facts.format,
        virtual_size_bytes=facts.virtual_size_bytes,
        file_name=path.name,
        size_bytes=path.stat().st_size,
        sha256=digest,
    )
    source_copy(image).unlink(missing_ok=True)


# -- build ------------------------------------------------------------------------------------------------------------------------------
def build(context: JobContext) -> None:
    """Run the recipe as a child that dies with us. It writes the file at its end and in one go."""
    image = image_of(context)
    Image.objects.filter(pk=image.pk).update(state=Image.State.BUILDING, state_reason="", format="qcow2")
    image.format = "qcow2"
    target = final_file(image)
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    run_recipe(context, context.args["recipe"], target, cache=Path(settings.IMAGES_DIR) / "cache")


# -- delete -----------------------------------------------------------------------------------------------------------------------------
def delete_bases(context: JobContext) -> None:
    """The image's copies in pools, where nothing stands on them."""
    for base in Volume.objects.select_related("pool__host").filter(image_id=context.args["image_id"]):
        if base.overlays.exists():
            raise Conflict(f"Disks stand on a copy of image {base.image}.", hint="Delete those guests first.")
        host = context.host(base.pool.host.hypervisor_address)
        host.delete_volume(base.pool.name, base.name, while_busy=context.check)
        base.delete()


def delete_file(context: JobContext) -> None:
    image = Image.objects.filter(pk=context.args["image_id"]).first()
    if image is not None and image.file_name:
        kept_file(image).unlink(missing_ok=True)
    remove_flattened(context)
    remove_copy(context)


def why(context: JobContext) -> str:
    error = context.error
    return str(error["message"])[:500] if error else ""
