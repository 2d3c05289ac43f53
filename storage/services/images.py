"""The catalogue of images: importing a file, building one from a recipe, changing and deleting entries."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from jobs.models import Job
from jobs.services import submit
from kvmweb.errors import Conflict, InvalidInput, NotAllowed
from storage.image_gate import inspect
from storage.live import touch_image
from storage.models import Image, Volume
from storage.recipe_list import RECIPES, Recipe
from storage.selectors import guests_from
from storage.usage import gib_of_image
from tenants.actor import Actor
from tenants.gate import note, operation
from tenants.models import Tenant
from tenants.quota import hold, reserve

NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
NAME_RULE = "Lower-case letters, digits, dots and hyphens, 1 to 63, with a letter or digit at both ends."
OS_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
FILE_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
CHANGEABLE = {"name", "description", "os", "min_memory_mib", "has_cloud_init"}

__all__ = ["RECIPES", "build_image", "change_image", "delete_image", "import_image", "importable_files", "register_built_image"]


@dataclass(frozen=True, slots=True)
class ImportableFile:
    name: str
    size_bytes: int


def importable_files(actor: Actor) -> list[ImportableFile]:
    """What lies in the server's import folder. Operators only: nobody knows whose the files are."""
    if not actor.is_operator:
        return []
    folder = Path(settings.IMPORT_DIR)
    if not folder.is_dir():
        return []
    files = (entry for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False) and FILE_PATTERN.fullmatch(entry.name))
    return sorted((ImportableFile(entry.name, entry.stat().st_size) for entry in files), key=lambda file: file.name)


def import_image(
    actor: Actor,
    tenant: Tenant | None,
    *,
    name: str,
    kind: str,
    file_name: str,
    os: str = "",
    description: str = "",
    format: str = "",
    min_memory_mib: int = 0,
    has_cloud_init: bool | None = None,
    checksum: str = "",
) -> tuple[Image, Job]:
    """A file of the import folder becomes an image of `tenant`, or a public one. `format` empty: read from the file.

    `checksum`: the SHA-256 the file must have. Raises InvalidInput when it is not an image we take.
    """
    cloud = kind == Image.Kind.CLOUD if has_cloud_init is None else has_cloud_init
    columns = {"name": name, "kind": kind, "os": os, "description": description, "min_memory_mib": min_memory_mib, "has_cloud_init": cloud}
    asked = _Import(file_name, declared=format, checksum=checksum.lower(), columns=columns)
    return _import_public(actor, None, asked) if tenant is None else _import_for_tenant(actor, tenant, asked)


@dataclass(frozen=True, slots=True)
class _Import:
    file_name: str
    declared: str
    checksum: str
    columns: dict[str, Any]


@operation("image.create")
def _import_for_tenant(actor: Actor, tenant: Tenant, asked: _Import) -> tuple[Image, Job]:
    return _import(actor, tenant, asked)


@operation("image.create_public")
def _import_public(actor: Actor, tenant: None, asked: _Import) -> tuple[Image, Job]:
    return _import(actor, tenant, asked)


def _import(actor: Actor, tenant: Tenant | None, asked: _Import) -> tuple[Image, Job]:
    if not actor.is_operator:
        raise NotAllowed("Files on the server are imported by operators. Ask one to import it for your tenant.")
    _check(asked.columns)
    if asked.checksum and not re.fullmatch(r"[0-9a-f]{64}", asked.checksum):
        raise InvalidInput(fields={"checksum": "A SHA-256: 64 hexadecimal digits."})
    path, is_iso = import_path(asked.file_name), asked.columns["kind"] == Image.Kind.ISO
    facts = inspect(path, declared=asked.declared or ("iso" if is_iso else ""))
    if (facts.format == "iso") != is_iso:
        raise InvalidInput(fields={"kind": "An ISO is of kind iso, a disk of kind disk or cloud."})
    size_bytes = path.stat().st_size
    if tenant is not None:
        # A sparse file may promise a disk of any size: what counts is what a guest made from it could fill.
        reserve(tenant, image_gib=gib_of_image(facts.virtual_size_bytes))
    _check_name_free(tenant, asked.columns["name"])
    sizes = {"virtual_size_bytes": facts.virtual_size_bytes, "size_bytes": size_bytes}
    image = Image.objects.create(tenant=tenant, format=facts.format, **sizes, **asked.columns)
    note(about=image)
    args = {"image_id": str(image.pk), "file_name": asked.file_name, "declared": facts.format, "checksum": asked.checksum}
    return image, _submit(actor, image, "image.import", title=f"Import image {image.name}", args=args)


def reserve_again(actor: Actor, job: Job) -> None:
    """Before the retry of an import or build that failed: its row counted nothing meanwhile. Raises QuotaExceeded, or Conflict when the
    row is gone, or was made by another job. Operators only, as the import itself."""
    if not actor.is_operator:
        # It reads the import folder again, where by now another file may have that name.
        raise NotAllowed("Files on the server are imported by operators. Ask one to try this again.")
    found = Image.objects.filter(pk=job.args["image_id"]).select_related("tenant").first()
    if found is not None and found.tenant is not None:
        hold(found.tenant)
    row = Image.objects.select_for_update().filter(pk=job.args["image_id"], state=Image.State.FAILED).first()
    if row is None:
        raise Conflict("The image was deleted, or made, meanwhile.", hint="Look at the images page.")
    if found is not None and found.tenant is not None:
        reserve(found.tenant, image_gib=gib_of_image(row.virtual_size_bytes))
    Image.objects.filter(pk=row.pk).update(state=Image.State.BUILDING, state_reason="")
    touch_image(row.pk)


def _submit(actor: Actor, image: Image, kind: str, *, title: str, args: dict[str, Any]) -> Job:
    key = f"image:{image.pk}"
    job = submit(actor, kind=kind, title=title, target=image, tenant=image.tenant, exclusive_key=key, args=args)
    touch_image(image.pk)
    return job


def import_path(file_name: str) -> Path:
    """A plain file directly in the import folder: no path, no link, nothing hidden."""
    path = Path(settings.IMPORT_DIR) / file_name
    if not FILE_PATTERN.fullmatch(file_name) or path.is_symlink() or not path.is_file():
        raise InvalidInput(fields={"file_name": "There is no such file in the server's import folder."})
    return path


def build_image(actor: Actor, recipe: str) -> tuple[Image, Job]:
    """Build a public image from a recipe of ours. One that failed is tried again in its row."""
    return _build(actor, None, recipe)


@operation("image.build")
def _build(actor: Actor, target: None, recipe: str) -> tuple[Image, Job]:
    known = RECIPES.get(recipe)
    if known is None:
        raise InvalidInput(fields={"recipe": f"Choose one of {', '.join(sorted(RECIPES))}."})
    image = Image.objects.select_for_update().filter(tenant=None, recipe=recipe).first()
    if image is not None and image.state == Image.State.READY:
        raise Conflict(f"Image {image.name} is there already.", hint="Delete it first to build it anew.")
    if image is None:
        _check_name_free(None, known.image_name)
        image = Image.objects.create(**_columns(known), state=Image.State.BUILDING)
    note(about=image)
    args = {"image_id": str(image.pk), "recipe": recipe}
    job = _submit(actor, image, "image.build", title=f"Build image {image.name}", args=args)
    Image.objects.filter(pk=image.pk).update(state=Image.State.BUILDING, state_reason="")
    image.refresh_from_db()
    return image, job


@transaction.atomic
def register_built_image(recipe: str, path: Path) -> Image:
    """A recipe's result becomes a public image, without a job: for the first start. Again with the same file: nothing changes.

    The file is kept where it is when it is in the images folder; else it is copied there.
    """
    known = RECIPES[recipe]
    facts = inspect(path, declared="qcow2")
    image = Image.objects.select_for_update().filter(tenant=None, recipe=recipe).first() or Image(**_columns(known))
    kept = _kept_in_images_dir(path, f"{recipe}.qcow2")
    if image.state == Image.State.READY and image.file_name == kept.name and image.size_bytes == kept.stat().st_size:
        return image
    image.file_name, image.format, image.virtual_size_bytes = kept.name, facts.format, facts.virtual_size_bytes
    image.size_bytes, image.sha256 = kept.stat().st_size, sha256_of(kept)
    image.state, image.state_reason = Image.State.READY, ""
    image.save()
    touch_image(image.pk)
    return image


@operation("image.change")
def change_image(actor: Actor, image: Image, changes: dict[str, Any]) -> Image:
    """`changes`: some of name, description, os, min_memory_mib, has_cloud_init."""
    unknown = sorted(set(changes) - CHANGEABLE)
    if unknown:
        raise InvalidInput(fields=dict.fromkeys(unknown, "This cannot be changed."))
    _check(changes)
    row = Image.objects.select_for_update().get(pk=image.pk)
    if changes.get("name", row.name) != row.name:
        _check_name_free(row.tenant, changes["name"])
    for field, value in changes.items():
        setattr(row, field, value)
    row.save(update_fields=[*changes])
    touch_image(row.pk)
    row.refresh_from_db()
    return row


@operation("image.delete")
def delete_image(actor: Actor, image: Image) -> Job:
    """Remove the file and its copies on hosts. Raises Conflict naming the guests whose disks stand on a copy."""
    row = _locked_unused(image)
    job = _submit(actor, row, "image.delete", title=f"Delete image {row.name}", args={"image_id": str(row.pk)})
    Image.objects.filter(pk=row.pk).update(state=Image.State.DELETING)
    return job


def delete_again(actor: Actor, job: Job) -> None:
    """Before the retry of a delete that failed: the image was ready meanwhile, and guests may have been made from it. Raises Conflict."""
    image = Image.objects.filter(pk=job.args["image_id"]).select_related("tenant").first()
    if image is None:
        raise Conflict("The image is gone.", hint="There is nothing left to delete.")
    row = _locked_unused(image)
    Image.objects.filter(pk=row.pk).update(state=Image.State.DELETING)
    touch_image(row.pk)


def _locked_unused(image: Image) -> Image:
    if image.tenant is not None:
        hold(image.tenant)  # tenant, then image: as a create locks them
    row = Image.objects.select_for_update().get(pk=image.pk)
    users = [name for base in Volume.objects.filter(image=row) for name in guests_from(base)]
    waiting = list(row.guests.filter(state="creating").values_list("name", flat=True))
    if users or waiting:
        named = ", ".join(sorted({*users, *waiting})[:10])
        raise Conflict(f"Image {row.name} is in use by {named}.", hint="Their disks stand on it. Delete them first, or make full copies.")
    return row


# -- parts --------------------------------------------------------------------------------------------------------------------------
def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _columns(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.image_name,
        "kind": recipe.kind,
        "os": recipe.os,
        "description": recipe.description,
        "recipe": recipe.name,
        "min_memory_mib": recipe.min_memory_mib,
        "has_cloud_init": recipe.has_cloud_init,
    }


def _kept_in_images_dir(path: Path, name: str) -> Path:
    folder = Path(settings.IMAGES_DIR)
    if path.resolve().parent == folder.resolve():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.partial"
    shutil.copyfile(path, partial)
    return partial.replace(folder / name)


def _check(asked: dict[str, Any]) -> None:
    problems = {
        "name": "" if NAME_PATTERN.fullmatch(asked.get("name", "x")) else NAME_RULE,
        "kind": "" if asked.get("kind", Image.Kind.DISK) in Image.Kind.values else f"Choose one of {', '.join(Image.Kind.values)}.",
        "os": "" if not asked.get("os") or OS_PATTERN.fullmatch(asked["os"]) else "A short name such as debian12.",
        "description": "" if len(asked.get("description", "")) <= 4096 else "At most 4096 characters.",
        "min_memory_mib": "" if 0 <= asked.get("min_memory_mib", 0) <= 1024 * 1024 else "0 to 1048576 MiB.",
    }
    found = {field: problem for field, problem in problems.items() if problem}
    if found:
        raise InvalidInput(fields=found)


def _check_name_free(tenant: Tenant | None, name: str) -> None:
    if Image.objects.filter(tenant=tenant, name=name).exists():
        raise InvalidInput(fields={"name": f"There is an image called {name} already. Choose another name."})
