"""The full-window console page, which asks for its ticket itself by REST, and who has consoles open."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from console import services
from console.models import ConsoleKind, ConsoleMode
from console.payload import for_actor, session_payload
from console.selectors import console_for, open_consoles
from console.services import HAS_SCREEN
from guests import selectors
from kvmweb.forms import KvmwebForm
from kvmweb.paging import page_of
from kvmweb.requests import PageRequest, dialog, is_fragment, to
from tenants.policy import why_not

POWER_MENU = (
    ("start", "Start", "play"),
    ("shutdown", "Shut down", "power"),
    ("reboot", "Reboot", "rotate-cw"),
    ("suspend", "Pause", "pause"),
    ("resume", "Resume", "play"),
    ("reset", "Reset", "zap"),
    ("force-off", "Force off", "power-off"),
)
"""REST verb, words, icon."""


@login_required
@require_safe
def console_page(request: HttpRequest, guest_id: UUID) -> HttpResponse:
    guest = selectors.guest_for(request.actor, guest_id)  # type: ignore[attr-defined]
    kind = ConsoleKind.SERIAL if request.GET.get("kind") == ConsoleKind.SERIAL else ConsoleKind.VNC
    why_not_control = why_not(request.actor, "console.open", guest.tenant_id)  # type: ignore[attr-defined]
    is_view_only = bool(why_not_control) or request.GET.get("mode") == ConsoleMode.VIEW
    config = {
        "guestId": str(guest.pk),
        "guestName": guest.name,
        "kind": kind,
        "mode": ConsoleMode.VIEW if is_view_only else ConsoleMode.CONTROL,
        "gateway": settings.CONSOLE_GATEWAY_URL,
        "isAlive": guest.state in HAS_SCREEN,
    }
    context = {
        "guest": selectors.guest_view(request.actor, guest),  # type: ignore[attr-defined]
        "kind": kind,
        "is_view_only": is_view_only,
        "why_view_only": why_not_control,
        "config": config,
        "power_menu": POWER_MENU,
    }
    return render(request, "console/console.html", context)


@login_required
@require_safe
def console_list(request: PageRequest) -> HttpResponse:
    page = page_of(open_consoles(request.actor).order_by("-opened_at", "-id"), request.GET.get("page", ""))
    sessions = [for_actor(request.actor, session_payload(row)) for row in page.rows]
    context = {"page": page, "sessions": sessions, "sees_all": request.actor.sees_everything}
    return render(request, "console/_list.html" if is_fragment(request) else "console/list.html", context)


@login_required
@require_safe
def watching(request: PageRequest, guest_id: UUID) -> HttpResponse:
    """Who is at this guest's console, for its page."""
    guest = selectors.guest_for(request.actor, guest_id)
    rows = open_consoles(request.actor).filter(guest=guest).order_by("opened_at")
    return render(request, "console/_watching.html", {"sessions": [for_actor(request.actor, session_payload(row)) for row in rows[:50]]})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def kick(request: PageRequest, session_id: UUID) -> HttpResponse:
    row = console_for(request.actor, session_id)
    session = for_actor(request.actor, session_payload(row))
    form = KvmwebForm()
    if request.method == "POST":
        with form.showing_refusals():
            services.kick(request.actor, row)
            messages.info(request, f"The console of {session['user']['name'] if session else 'somebody'} is being closed.")
            return to(request, "/consoles/")
    return dialog(request, "console/_kick.html", {"session": session, "form": form}, refused=request.method == "POST")
