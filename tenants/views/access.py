"""What somebody may do here and why, and the whole table of permissions."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from kvmweb.requests import PageRequest
from tenants import selectors
from tenants.access import ROLES, access_of, by_noun, least_role, role_may
from tenants.actor import actor_for
from tenants.policy import words_for
from tenants.sessions import tenant_in_url


@login_required
@require_safe
def access(request: PageRequest) -> HttpResponse:
    """`?user=&tenant=`; without them, oneself in the first of one's tenants."""
    actor = request.actor
    tenant_id = tenant_in_url(request) or next(iter(actor.names), None)
    tenant = selectors.tenant_for(actor, tenant_id) if tenant_id else None
    user = selectors.user_seen_by(actor, request.GET.get("user") or str(actor.user_id), tenant)
    shown = actor if user.pk == actor.user_id else actor_for(user)
    context = {
        "shown": shown,
        "person": user,
        "is_own": user.pk == actor.user_id,
        "tenant": tenant,
        "role": shown.roles.get(tenant.pk, "") if tenant else "",
        "groups": access_of(shown, tenant.pk if tenant else None),
        "tenants": selectors.tenants_of(actor, user),
    }
    return render(request, "tenants/access.html", context)


@login_required
@require_safe
def permissions(request: PageRequest) -> HttpResponse:
    groups = [(name, [_row(operation) for operation in operations]) for name, operations in by_noun()]
    return render(request, "tenants/permissions.html", {"groups": groups, "roles": ROLES})


def _row(operation: str) -> dict[str, object]:
    return {
        "operation": operation,
        "words": words_for(operation),
        "least": least_role(operation),
        "allowed": [role_may(role, operation) for role in ROLES],
    }
