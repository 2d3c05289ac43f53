"""Giving a domain that nobody owns here to a tenant."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from guests.services.adopt import adopt_guest
from hosts import selectors
from jobs.models import Job
from kvmweb.forms import KvmwebForm
from kvmweb.requests import PageRequest, dialog, to
from tenants.models import Tenant
from tenants.selectors import tenants_for


class AdoptForm(KvmwebForm):
    tenant = forms.ModelChoiceField(Tenant.objects.none(), label="Give it to", empty_label=None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def adopt(request: PageRequest, host_id: str, domain_uuid: UUID) -> HttpResponse:
    row = selectors.host_for(request.actor, host_id)
    domain = get_object_or_404(selectors.unmanaged_guests(request.actor, row), uuid=domain_uuid)
    form = AdoptForm(request.POST or None)
    form.choose_from("tenant", tenants_for(request.actor, "guest.adopt"))
    if form.is_valid():
        with form.showing_refusals():
            adopted = adopt_guest(request.actor, form.cleaned_data["tenant"], row, domain.uuid)
            return to(request, f"/jobs/{adopted.pk}/" if isinstance(adopted, Job) else f"/guests/{adopted.pk}/")
    return dialog(request, "hosts/_adopt.html", {"host": row, "domain": domain, "form": form}, refused=form.is_bound)
