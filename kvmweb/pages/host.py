"""One host: facts, what its guests hold, pools, networks, guests, and domains nobody owns yet. Adopting one is in `adopt`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from guests.selectors import GuestFilter, guest_list
from guests.views.rows import columns_of, rows_of
from hosts import selectors
from jobs.selectors import job_list
from kvmweb.paging import first_of
from kvmweb.requests import PageRequest, is_fragment
from networks.selectors import network_list
from storage.payload import pool_payload
from storage.selectors import pool_list
from tenants.policy import why_not

TABS = (("overview", "Overview"), ("guests", "Guests"), ("storage", "Storage and networks"), ("unmanaged", "Unmanaged"))
GUESTS = 50


@login_required
@require_safe
def host(request: PageRequest, host_id: str) -> HttpResponse:
    row = selectors.host_for(request.actor, host_id)
    shown = selectors.host_payloads([row])[0]
    tab = request.GET.get("tab") if request.GET.get("tab") in dict(TABS) else "overview"
    context: dict[str, Any] = {
        "host": shown,
        "tabs": TABS,
        "tab": tab,
        "panel": f"hosts/_{tab}.html",
        "why_not": why_not(request.actor, "host.change", None),
    }
    if tab in ("overview", "storage"):
        context["pools"] = [pool_payload(pool) for pool in pool_list(request.actor, host=row.pk)]
        context["networks"] = network_list(request.actor, host=row.pk)
        context["jobs"] = job_list(request.actor, target_id=row.pk)[:5]
    elif tab == "guests":
        guests = guest_list(request.actor, GuestFilter(host=str(row.pk)))
        context["rows"] = rows_of(request.actor, columns_of(first_of(guests, GUESTS)))
    else:
        context["unmanaged"] = selectors.unmanaged_guests(request.actor, row)
    return render(request, "hosts/_host.html" if is_fragment(request) else "hosts/host.html", context)
