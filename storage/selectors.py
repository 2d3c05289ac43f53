"""Reading images, pools and volumes. Every function takes the actor and starts from `visible_to`; none talks to a host."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from storage.models import Image, Pool, Volume
from tenants.actor import Actor


def image_list(actor: Actor, *, search: str = "", kind: str = "", state: str = "", tenant: UUID | None = None) -> QuerySet[Image]:
    """Public images and those of the actor's tenants. With `tenant`: what that tenant can make guests from."""
    rows = Image.objects.visible_to(actor).select_related("tenant")
    if tenant is not None:
        rows = rows.filter(Q(tenant_id=tenant) | Q(tenant_id__isnull=True))
    if kind:
        rows = rows.filter(kind=kind)
    if state:
        rows = rows.filter(state=state)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(os__icontains=search) | Q(description__icontains=search))
    return rows.order_by("name", "id")


def recipes_built(actor: Actor) -> set[str]:
    """Recipes that have an image already, or are building one."""
    rows = Image.objects.visible_to(actor).exclude(recipe="").exclude(state=Image.State.FAILED)
    return set(rows.order_by().values_list("recipe", flat=True).distinct())


def image_for(actor: Actor | None, image_id: UUID | str) -> Image:
    return Image.objects.select_related("tenant").get_visible(actor, image_id)


def pool_list(actor: Actor, *, host: UUID | None = None) -> QuerySet[Pool]:
    rows = Pool.objects.visible_to(actor).select_related("host")
    return (rows.filter(host_id=host) if host else rows).order_by("host__name", "name", "id")


def volume_list(actor: Actor, *, pool: UUID | None = None, purpose: str = "", detached: bool = False) -> QuerySet[Volume]:
    """`detached`: disks that belong to no guest and can be deleted."""
    rows = Volume.objects.visible_to(actor).select_related("pool__host", "tenant", "image").prefetch_related("guest_disks__guest")
    if pool is not None:
        # A pool one may not see holds nothing one may find by it: tenants could tell which host their disks are on.
        rows = rows.filter(pool__in=Pool.objects.visible_to(actor).filter(pk=pool))
    if purpose:
        rows = rows.filter(purpose=purpose)
    if detached:
        rows = rows.filter(purpose=Volume.Purpose.DISK, guest_disks__isnull=True)
    return rows.order_by("name", "id")


def volume_for(actor: Actor | None, volume_id: UUID | str) -> Volume:
    rows = Volume.objects.select_related("pool__host", "tenant", "image").prefetch_related("guest_disks__guest")
    return rows.get_visible(actor, volume_id)


def guests_from(base: Volume) -> list[str]:
    """Names of the guests whose disks stand on this base volume, and of detached disks that do."""
    names: list[str] = []
    for overlay in Volume.objects.filter(backing=base).prefetch_related("guest_disks__guest").order_by("name"):
        attached = [disk.guest.name for disk in overlay.guest_disks.all()]
        names.extend(attached or [f"disk {overlay.name}"])
    return names
