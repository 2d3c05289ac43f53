"""What one looks at: the tenant chosen in the header, and viewing as a tenant. Both are POST and come back to where one was."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from kvmweb.requests import PageRequest
from tenants import selectors
from tenants.services.view_as import stop_viewing, view_as
from tenants.sessions import CHOSEN


@login_required
@require_POST
def choose(request: PageRequest) -> HttpResponse:
    """`tenant`: an id, or empty for all. Changes what lists show and forms begin with, never what one may do."""
    wanted = request.POST.get("tenant", "")
    if wanted:
        tenant = selectors.tenant_for(request.actor, wanted)
        request.session[CHOSEN] = {"id": str(tenant.pk), "name": tenant.name}
    else:
        request.session.pop(CHOSEN, None)
    return redirect(_back(request))


def _back(request: PageRequest) -> str:
    """`next`, if it is a page of ours, without the tenant and the place that belonged to the old choice."""
    url = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(url, allowed_hosts=None):
        return "/"
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("tenant", "page")]
    return parts.path + (f"?{urlencode(kept)}" if kept else "")


@login_required
@require_POST
def start(request: PageRequest, tenant_id: str) -> HttpResponse:
    view_as(request.actor, selectors.tenant_for(request.actor, tenant_id), request.session)
    return redirect("/")


@login_required
@require_POST
def stop(request: PageRequest) -> HttpResponse:
    tenant = stop_viewing(request.actor, request.session)
    return redirect(f"/tenants/{tenant.pk}/" if tenant else "/")
