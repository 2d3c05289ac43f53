"""Pages to look at: the list, one guest, the menu of a row. Parse, ask, render."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from guests import selectors
from guests.selectors import GuestFilter
from guests.views.menu import menu_of
from guests.views.rows import columns_of, rows_of, tone_of_payload
from guests.views.timeline import timeline_of
from kvmweb.context import shell_of
from kvmweb.paging import page_of
from kvmweb.requests import PageRequest, is_fragment
from tenants.sessions import follows_choice

CHIPS = (("All", ""), ("Running", "running"), ("Stopped", "shutoff"), ("Paused", "paused,suspended"))
TABS = (("overview", "Overview"), ("hardware", "Hardware"), ("timeline", "Timeline"))


@login_required
@require_safe
@follows_choice
def guest_list(request: PageRequest) -> HttpResponse:
    wanted = filter_of(request.GET)
    page = page_of(selectors.guest_list(request.actor, wanted), request.GET.get("page", ""), read=columns_of)
    rows = rows_of(request.actor, page.rows)
    context = {"page": page, "rows": rows, "wanted": wanted, "summary": shell_of(request).summary, "chips": chips_of(request, wanted)}
    return render(request, "guests/_list.html" if is_fragment(request) else "guests/list.html", context)


def filter_of(query: QueryDict) -> GuestFilter:
    names = ("search", "state", "host", "tenant", "image", "tag", "os")
    given = {name: query.get(name, "").strip() for name in names}
    return GuestFilter(**given, problems=query.get("problems") == "1", ordering=query.get("ordering") or "name")


def chips_of(request: PageRequest, wanted: GuestFilter) -> list[dict[str, Any]]:
    summary = shell_of(request).summary
    chips = [
        {
            "label": label,
            "n": sum(summary["by_state"][state] for state in states.split(",")) if states else summary["total"],
            "state": states or None,
            "problems": None,
            "is_current": wanted.state == states and not wanted.problems,
        }
        for label, states in CHIPS
    ]
    return [*chips, {"label": "Problems", "n": summary["problems"], "state": None, "problems": "1", "is_current": wanted.problems}]


@login_required
@require_safe
def guest(request: PageRequest, guest_id: str) -> HttpResponse:
    row = selectors.guest_for(request.actor, guest_id)
    view = selectors.guest_view(request.actor, row)
    tab = request.GET.get("tab") if request.GET.get("tab") in dict(TABS) else "overview"
    context = {
        "guest": view,
        "tone": tone_of_payload(view),
        "menu": menu_of(view),
        "tabs": TABS,
        "tab": tab,
        "panel": f"guests/_{tab}.html",
    }
    context["events"] = timeline_of(request.actor, row) if tab == "timeline" else timeline_of(request.actor, row, limit=5)
    return render(request, "guests/_guest.html" if is_fragment(request) else "guests/guest.html", context)


@login_required
@require_safe
def menu(request: PageRequest, guest_id: str) -> HttpResponse:
    view = selectors.guest_view(request.actor, selectors.guest_for(request.actor, guest_id))
    return render(request, "guests/_menu.html", {"guest": view, "menu": menu_of(view)})
