"""Reading networks. Every function takes the actor and starts from `visible_to`; none talks to a host."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from networks.models import Network
from tenants.actor import Actor


def network_list(actor: Actor, *, search: str = "", host: UUID | None = None, tenant: UUID | None = None) -> QuerySet[Network]:
    """Shared networks and those of the actor's tenants. With `tenant`: what that tenant may use."""
    rows = Network.objects.visible_to(actor).select_related("host", "tenant")
    if tenant is not None:
        rows = rows.filter(Q(tenant_id=tenant) | Q(tenant_id__isnull=True))
    if host is not None:
        # Where a network is, is the business of those who may see hosts.
        rows = rows.filter(host_id=host) if actor.sees_everything else rows.none()
    if search:
        rows = rows.filter(name__icontains=search)
    return rows.order_by("name", "id")


def network_for(actor: Actor | None, network_id: UUID | str) -> Network:
    return Network.objects.select_related("host", "tenant").get_visible(actor, network_id)
