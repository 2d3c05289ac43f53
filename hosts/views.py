"""The list of hosts, and what is done with one. The host's own page shows rooms above this one: it is in kvmweb.pages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hosts import removal, selectors, services
from hosts.forms import HostForm, HostLimitsForm, RemoveHostForm
from hosts.models import Host
from kvmweb.errors import NotFound
from kvmweb.paging import page_of
from kvmweb.requests import PageRequest, dialog, is_fragment, to
from tenants.policy import why_not


@login_required
@require_safe
def host_list(request: PageRequest) -> HttpResponse:
    if not request.actor.sees_everything:
        raise NotFound
    search = request.GET.get("search", "").strip()
    page = page_of(selectors.host_list(request.actor, search=search).order_by("name", "id"), request.GET.get("page", ""))
    context = {
        "hosts": selectors.host_payloads(page.rows),
        "page": page,
        "search": search,
        "why_not_change": why_not(request.actor, "host.change", None),
    }
    return render(request, "hosts/_list.html" if is_fragment(request) else "hosts/list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: PageRequest) -> HttpResponse:
    if not request.actor.sees_everything:
        raise NotFound
    form = HostForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            return to(request, f"/hosts/{services.add_host(request.actor, None, form.as_request()).pk}/")
    return dialog(request, "hosts/_add.html", {"form": form}, refused=form.is_bound)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: PageRequest, host_id: str) -> HttpResponse:
    host = selectors.host_for(request.actor, host_id)
    form = HostLimitsForm(request.POST or None, initial=HostLimitsForm.initial_of(host))
    if form.is_valid():
        with form.showing_refusals():
            services.change_host(request.actor, host, form.changes())
            return to(request, f"/hosts/{host.pk}/")
    return dialog(request, "hosts/_change.html", {"form": form, "host": host}, refused=form.is_bound)


@login_required
@require_POST
def enable(request: PageRequest, host_id: str, enabled: Any) -> HttpResponse:
    host = services.change_host(request.actor, selectors.host_for(request.actor, host_id), {"is_enabled": enabled})
    messages.info(request, f"Host {host.name} is enabled: connecting." if enabled else f"Host {host.name} is disabled. Its guests run on.")
    return to(request, f"/hosts/{host.pk}/")


@login_required
@require_POST
def preflight(request: PageRequest, host_id: str) -> HttpResponse:
    job = services.preflight_host(request.actor, selectors.host_for(request.actor, host_id))
    return to(request, f"/jobs/{job.pk}/")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: PageRequest, host_id: str) -> HttpResponse:
    host = selectors.host_for(request.actor, host_id)
    form = RemoveHostForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with form.showing_refusals():
            return to(request, _remove(request, host, form.cleaned_data))
    context = {"host": host, "form": form, "guests": host.guests.count(), "may_be_gone": host.state in ("unreachable", "disabled")}
    return dialog(request, "hosts/_remove.html", context, refused=request.method == "POST")


def _remove(request: PageRequest, host: Host, wanted: dict[str, Any]) -> str:
    if wanted["forget"]:
        left = removal.forget_host(request.actor, host, confirm_name=wanted["confirm_name"], with_guests=wanted["with_guests"])
        held = [*left.guests, *left.volumes]
        messages.info(request, f"Host {host.name} is forgotten. Left behind there: {', '.join(held[:20]) or 'nothing of ours'}.")
        return "/hosts/"
    job = removal.remove_host(request.actor, host)
    if job is not None:
        return f"/jobs/{job.pk}/"
    messages.info(request, f"Host {host.name} is no longer listed. What runs on it stays as it is.")
    return "/hosts/"
