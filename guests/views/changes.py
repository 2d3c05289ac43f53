"""Dialogs that change one guest: edit and delete. Power actions go through REST from static/js/power.js."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from guests import selectors
from guests.forms import DeleteGuestForm, EditGuestForm
from guests.services.change import change_guest
from guests.services.delete import delete_guest
from kvmweb.requests import PageRequest, dialog, to
from tenants.gate import check_first


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, guest_id: str) -> HttpResponse:
    row = selectors.guest_for(request.actor, guest_id)
    if request.method == "POST":
        check_first(request.actor, "guest.delete", row)
    form = DeleteGuestForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            delete_guest(request.actor, row, delete_disks=form.cleaned_data["delete_disks"], confirm_name=form.cleaned_data["confirm_name"])
            messages.info(request, f"Deleting {row.name}. It goes away when its job is done.")
            return to(request, "/guests/")
    context = {"guest": selectors.guest_view(request.actor, row), "form": form}
    return dialog(request, "guests/_delete.html", context, refused=form.is_bound)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, guest_id: str) -> HttpResponse:
    row = selectors.guest_for(request.actor, guest_id)
    if request.method == "POST":
        check_first(request.actor, "guest.change", row)
    form = EditGuestForm(request.actor, row, request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            change_guest(request.actor, row, form.changes())
            return to(request, f"/guests/{row.pk}/")
    return dialog(request, "guests/_edit.html", {"guest": row, "form": form}, refused=form.is_bound)


@login_required
@require_safe
def edit_effect(request: PageRequest, guest_id: str) -> HttpResponse:
    """Under the fields of the edit dialog: quota before and after."""
    form = EditGuestForm(request.actor, selectors.guest_for(request.actor, guest_id), request.GET)
    return render(request, "quotas/_effect.html", {"effects": form.effect()})
