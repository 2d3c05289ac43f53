"""What a login's session keeps beyond who it is: the tenant chosen in the header, and the tenant it is viewing as.

The choice only fills the `tenant` parameter of lists, so that every URL can be shared; it changes no right. Viewing as a tenant narrows the
Actor itself, so that pages, REST, live sockets and consoles all obey without knowing about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from kvmweb.requests import PageRequest, is_fragment
from tenants import mfa
from tenants.actor import Actor, actor_for, reading_rights
from tenants.models import Tenant, TenantRole, User
from tenants.policy import may

VIEWS_AS, CHOSEN = "views_as", "chosen_tenant"
"""Session keys: a tenant's id as text; {"id", "name"} of a tenant."""
View = Callable[..., HttpResponse]


def actor_of_session(user: User, session: Mapping[str, Any], *, address: str = "", request_id: str = "") -> Actor:
    actor = actor_for(user, address=address, request_id=request_id)
    if actor.requires_mfa and not mfa.is_set_up_by(user):
        return replace(actor, system_role="", roles={}, names={}, scope="read", lacks_mfa=True)
    with reading_rights():
        tenant_id = session.get(VIEWS_AS)
    # Whoever lost the right to look over shoulders is themselves again.
    return narrowed(actor, tenant_id) if tenant_id and may(actor, "tenant.view_as", None) else actor


def narrowed(actor: Actor, tenant_id: UUID | str) -> Actor:
    """`actor` with an owner's sight of one tenant, and no right to change anything. A tenant that is gone or disabled shows nothing."""
    with reading_rights():
        tenant = Tenant.objects.filter(pk=tenant_id).first()
    is_there = tenant is not None and tenant.is_active
    return replace(
        actor,
        system_role="",
        roles={tenant.pk: TenantRole.OWNER} if tenant and is_there else {},
        names={tenant.pk: tenant.name} if tenant and is_there else {},
        viewing_as=tenant.name if tenant else "that was deleted",
    )


def chosen_tenant(request: HttpRequest) -> UUID | None:
    """The tenant chosen in the header, while the actor may still see it."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    kept = request.session.get(CHOSEN)
    if not kept or actor.viewing_as:
        return None
    tenant_id = UUID(kept["id"])
    return tenant_id if actor.sees_everything or tenant_id in actor.tenant_ids else None


def tenant_in_url(request: HttpRequest) -> UUID | None:
    """The `tenant` parameter of a list's URL; None for all, and for what is not an id."""
    try:
        return UUID(request.GET.get("tenant", ""))
    except ValueError:
        return None


def follows_choice(view: View) -> View:
    """For a list: without a `tenant` in its URL it is the chosen one's, and the URL says so. `?tenant=` is all of them."""

    @wraps(view)
    def chosen_or_all(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        tenant_id = None if "tenant" in request.GET or is_fragment(request) else chosen_tenant(request)
        if tenant_id is None:
            return view(request, *args, **kwargs)
        query = request.GET.copy()
        query["tenant"] = str(tenant_id)
        return redirect(f"{request.path}?{query.urlencode()}")

    return chosen_or_all
