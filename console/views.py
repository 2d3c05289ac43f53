"""The full-window console page. It asks for its ticket itself, by REST."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console.models import ConsoleKind, ConsoleMode
from console.services import HAS_SCREEN
from guests import selectors
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
