"""The dialog that gives a guest to another tenant."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from guests import selectors
from guests.services.transfer import transfer_guest
from kvmweb.forms import KvmwebForm
from kvmweb.requests import PageRequest, dialog, posted, to
from tenants.gate import check_first
from tenants.models import Tenant
from tenants.quota.meters import effects_of
from tenants.selectors import tenants_for


class TransferForm(KvmwebForm):
    tenant = forms.ModelChoiceField(Tenant.objects.none(), label="Give it to", empty_label=None)


@login_required
@require_safe
def transfer_effect(request: PageRequest, guest_id: str) -> HttpResponse:
    """Under the choice of the tenant: its quota before and after."""
    row = selectors.guest_for(request.actor, guest_id)
    form = TransferForm(request.GET)
    form.choose_from("tenant", tenants_for(request.actor, "guest.transfer").exclude(pk=row.tenant_id))
    tenant = form.cleaned_data["tenant"] if form.is_valid() else None
    size = {"guests": 1, "vcpus": row.vcpus, "memory_mib": row.memory_mib, "disk_gib": row.disk_gib}
    return render(request, "quotas/_effect.html", {"effects": effects_of(request.actor, tenant, **size) if tenant else None})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: PageRequest, guest_id: str) -> HttpResponse:
    row = selectors.guest_for(request.actor, guest_id)
    check_first(request.actor, "guest.transfer", row)
    form = TransferForm(posted(request))
    form.choose_from("tenant", tenants_for(request.actor, "guest.transfer").exclude(pk=row.tenant_id))
    if form.is_valid():
        with form.showing_refusals():
            transfer_guest(request.actor, row, form.cleaned_data["tenant"])
            messages.success(request, f"{row.name} belongs to {form.cleaned_data['tenant'].name} now.")
            return to(request, f"/guests/{row.pk}/")
    context = {"guest": selectors.guest_view(request.actor, row), "form": form, "page_title": "Give a guest away"}
    return dialog(request, "guests/_transfer.html", context, refused=form.is_bound)
