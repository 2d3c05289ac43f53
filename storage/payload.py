"""Images, pools and volumes as plain JSON values. Paths on hosts are not shown; pools and hosts only to those who may see hosts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storage.models import Image, Pool, Volume
from tenants.actor import Actor
from tenants.policy import why_not

Payload = dict[str, Any]


def image_payload(image: Image, actor: Actor | None = None) -> Payload:
    """With `actor`: also what they may do with it and why not."""
    shown: Payload = {
        "id": str(image.id),
        "name": image.name,
        "kind": image.kind,
        "os": image.os,
        "description": image.description,
        "tenant": {"id": str(image.tenant_id), "name": image.tenant.name} if image.tenant else None,
        "is_public": image.tenant_id is None,
        "state": image.state,
        "state_label": image.get_state_display(),
        "state_reason": image.state_reason,
        "recipe": image.recipe,
        "format": image.format,
        "size_bytes": image.size_bytes,
        "virtual_size_bytes": image.virtual_size_bytes,
        "sha256": image.sha256,
        "min_memory_mib": image.min_memory_mib,
        "has_cloud_init": image.has_cloud_init,
        "created_at": _time(image.created_at),
        "version": image.version,
    }
    if actor is not None:
        shown["allowed_actions"] = allowed_actions(actor, image)
    return shown


def for_actor(actor: Actor, payload: Payload) -> Payload:
    """What one person may see of an image's payload made without an actor (live sockets)."""
    from uuid import UUID

    tenant_id = UUID(payload["tenant"]["id"]) if payload["tenant"] else None
    return {**payload, "allowed_actions": _answers(actor, tenant_id, payload["state"])}


def allowed_actions(actor: Actor, image: Image) -> dict[str, dict[str, bool | str]]:
    return _answers(actor, image.tenant_id, image.state)


def _answers(actor: Actor, tenant_id: Any, state: str) -> dict[str, dict[str, bool | str]]:
    busy = {Image.State.BUILDING: "It is being made.", Image.State.DELETING: "It is being deleted."}.get(Image.State(state), "")
    reasons = {
        "use": why_not_ready(state),
        "change": _why_not_manage(actor, "image.change", tenant_id),
        "delete": _why_not_manage(actor, "image.delete", tenant_id) or busy,
    }
    return {verb: {"allowed": not reason, "reason": reason} for verb, reason in reasons.items()}


def why_not_ready(state: str) -> str:
    """Empty when guests can be made from an image in this state."""
    return {
        Image.State.READY: "",
        Image.State.BUILDING: "It is still being made. Wait for its job.",
        Image.State.FAILED: "Making it failed. Delete it, or make it again.",
        Image.State.DELETING: "It is being deleted.",
    }[Image.State(state)]


def _why_not_manage(actor: Actor, operation: str, tenant_id: Any) -> str:
    # A public image has no tenant, and without a tenant only operators and admins have a rank.
    return why_not(actor, operation, tenant_id)


def pool_payload(pool: Pool) -> Payload:
    """Operators only: pools are not visible to tenants at all."""
    return {
        "id": str(pool.id),
        "name": pool.name,
        "host": {"id": str(pool.host_id), "name": pool.host.name},
        "type": pool.type,
        "path": pool.path,
        "is_active": pool.is_active,
        "is_missing": pool.is_missing,
        "autostart": pool.autostart,
        "is_default": pool.is_default,
        "capacity_bytes": pool.capacity_bytes,
        "allocation_bytes": pool.allocation_bytes,
        "available_bytes": pool.available_bytes,
        "used_percent": round(100 * (1 - pool.available_bytes / pool.capacity_bytes), 1) if pool.capacity_bytes else None,
        "observed_at": _time(pool.observed_at),
        "version": pool.version,
    }


def volume_payload(volume: Volume, actor: Actor) -> Payload:
    """`used_by`: the guests it is plugged into."""
    sees_hosts = actor.sees_everything
    return {
        "id": str(volume.id),
        "name": volume.name,
        "tenant": {"id": str(volume.tenant_id), "name": volume.tenant.name} if volume.tenant else None,
        "pool": {"id": str(volume.pool_id), "name": volume.pool.name} if sees_hosts else None,
        "host": {"id": str(volume.pool.host_id), "name": volume.pool.host.name} if sees_hosts else None,
        "purpose": volume.purpose,
        "state": volume.state,
        "format": volume.format,
        "capacity_bytes": volume.capacity_bytes,
        "allocation_bytes": volume.allocation_bytes,
        "image": {"id": str(volume.image_id), "name": volume.image.name} if volume.image else None,
        "used_by": [{"id": str(disk.guest_id), "name": disk.guest.name} for disk in volume.guest_disks.all()],
        "created_at": _time(volume.created_at),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
