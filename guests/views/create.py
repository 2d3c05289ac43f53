"""The page that creates guests, and its right column that says what they would take."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from guests.forms import CreateGuestForm
from guests.services.create import create_guests
from kvmweb.requests import PageRequest
from tenants.sessions import chosen_tenant


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: PageRequest) -> HttpResponse:
    form = CreateGuestForm(request.actor, request.POST or None, initial={"tenant": chosen_tenant(request), **request.GET.dict()})
    if form.is_valid():
        with form.showing_refusals():
            created = create_guests(request.actor, form.owner, form.as_request())
            many = len(created.guests) > 1
            return redirect(f"/guests/?search={form.cleaned_data['name']}" if many else f"/guests/{created.guests[0].pk}/")
    return render(request, "guests/create.html", {"form": form}, status=422 if form.is_bound else 200)


@login_required
@require_safe
def create_effect(request: PageRequest) -> HttpResponse:
    """The right column of the create page: quota before and after, and where the guest would go."""
    form = CreateGuestForm(request.actor, request.GET)
    return render(request, "guests/_effect.html", {"effect": form.effect()})
