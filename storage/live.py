"""What open pages get about images: snapshots when they subscribe, and a push when a row changed."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from live import publish
from storage.models import Image
from storage.payload import Payload, image_payload
from storage.selectors import image_for, image_list
from tenants.actor import Actor

SNAPSHOT_ROWS = 200


def list_snapshot(actor: Actor) -> Payload:
    rows = image_list(actor)[:SNAPSHOT_ROWS]
    return {"results": [image_payload(image, actor) for image in rows], "summary": {"total": image_list(actor).count()}}


def row_snapshot(actor: Actor, image_id: str) -> Payload:
    return image_payload(image_for(actor, image_id), actor)


def touch_image(image_id: UUID | str) -> None:
    """Give the row a new version and, after the commit, tell open pages how it is then."""
    if Image.objects.filter(pk=image_id).update(version=F("version") + 1):
        transaction.on_commit(partial(_publish, image_id), robust=True)


def tell_removed(image: Image) -> None:
    publish.removed("image", image.pk, tenant_id=image.tenant_id, version=image.version + 1)


def _publish(image_id: Any) -> None:
    image = Image.objects.select_related("tenant").filter(pk=image_id).first()
    if image is not None:
        publish.changed("image", image.pk, tenant_id=image.tenant_id, version=image.version, data=image_payload(image))
