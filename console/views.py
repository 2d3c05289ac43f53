"""The full-window console page. It asks for its ticket itself, by REST."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET


@require_GET
def console_page(request: HttpRequest, guest_id: str) -> HttpResponse:
    return render(request, "console/console.html", {})
