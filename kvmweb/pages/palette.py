"""What the command palette finds for what was typed: guests, hosts, pages, actions. One fragment, no page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from guests.selectors import GuestFilter, guest_for, guest_list, guest_view
from guests.views.menu import menu_of
from guests.views.rows import columns_of, rows_of
from hosts.selectors import host_list
from kvmweb.paging import first_of
from kvmweb.requests import PageRequest
from tenants.actor import Actor

MOST_GUESTS, MOST_HOSTS = 8, 5
PLACES = (
    ("Overview", "/", "layout-dashboard"),
    ("Virtual machines", "/guests/", "monitor"),
    ("Hosts", "/hosts/", "server"),
    ("Images", "/images/", "disc-3"),
    ("Open consoles", "/consoles/", "monitor-play"),
    ("Jobs", "/jobs/", "list-checks"),
    ("Quota requests", "/quota-requests/", "gauge"),
    ("Ask for a larger quota", "/quota-requests/new/", "gauge"),
    ("Audit trail", "/audit/", "scroll-text"),
    ("API tokens", "/tokens/", "key-round"),
    ("Failed jobs", "/jobs/?state=failed", "triangle-alert"),
    ("Guests with problems", "/guests/?problems=1", "triangle-alert"),
    ("New virtual machine", "/guests/new/", "plus"),
    ("Import an image", "/images/import/", "file-down"),
    ("Tenants", "/tenants/", "users"),
    ("What may I do", "/tenants/access/", "list-checks"),
    ("Permissions of all roles", "/tenants/permissions/", "list-checks"),
    ("API reference", "/api/v1/docs/", "scroll-text"),
    ("Account", "/account/", "user"),
    ("Change password", "/account/password/", "key-round"),
    ("Two-factor, passkeys", "/account/two-factor/", "shield-alert"),
    ("Sessions: where I am logged in", "/account/sessions/", "monitor"),
    ("SSH keys", "/account/ssh-keys/", "key-round"),
)
BUTTONS = (
    ("Switch theme", "[data-theme-switch]", "sun-moon"),
    ("Keyboard shortcuts", "[data-shortcuts-open]", "keyboard"),
    ("Log out", "#user-menu [type=submit]", "log-out"),
)


@login_required
@require_safe
def find(request: PageRequest) -> HttpResponse:
    actor, text = request.actor, request.GET.get("q", "").strip()[:100]
    guests = rows_of(actor, columns_of(first_of(guest_list(actor, GuestFilter(search=text)), MOST_GUESTS))) if text else []
    first = guest_view(actor, guest_for(actor, guests[0]["id"])) if guests else None
    context = {
        "guests": guests,
        "first": first,
        "verbs": [item for item in menu_of(first) if not item["reason"]] if first else [],
        "hosts": host_list(actor, search=text)[:MOST_HOSTS] if text else [],
        "places": _matching(text, places_for(actor)),
        "buttons": _matching(text, BUTTONS),
    }
    return render(request, "shell/_palette.html", context)


def places_for(actor: Actor) -> tuple[tuple[str, str, str], ...]:
    return tuple(place for place in PLACES if actor.sees_everything or not place[1].startswith("/hosts/"))


def _matching(text: str, entries: tuple[tuple[str, str, str], ...]) -> list[Any]:
    words = text.lower().split()
    return [entry for entry in entries if all(word in entry[0].lower() for word in words)]
