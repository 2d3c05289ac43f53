"""The page of requests for more quota, and its dialogs: ask, approve, decline, withdraw."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.errors import NotAllowed
from kvmweb.paging import Page, page_of
from kvmweb.requests import PageRequest, dialog, is_fragment, posted, to
from kvmweb.words import AMOUNTS
from tenants.actor import Actor
from tenants.gate import check_first
from tenants.models import QuotaRequest, QuotaRequestState, Tenant
from tenants.policy import why_not, why_not_anywhere
from tenants.quota import forms, limits_of, meters
from tenants.selectors import tenant_for, tenants_for
from tenants.services import quota_requests

CHIPS = (("Open", QuotaRequestState.OPEN.value), ("All", ""))
LIST = "/quota-requests/"


@login_required
@require_safe
def request_list(request: PageRequest) -> HttpResponse:
    state = request.GET.get("state", "")
    rows = meters.quota_request_list(request.actor, state=state if state in QuotaRequestState.values else "")
    page: Page[QuotaRequest] = page_of(rows.order_by("-created_at", "-id"), request.GET.get("page", ""))
    context = {
        "requests": [_line(request.actor, row) for row in page.rows],
        "page": page,
        "chips": CHIPS,
        "state": state,
        "why_not_ask": why_not_anywhere(request.actor, "quota_request.create"),
    }
    return render(request, "quotas/_requests.html" if is_fragment(request) else "quotas/requests.html", context)


def _line(actor: Actor, row: QuotaRequest) -> dict[str, Any]:
    """The row, the limits it wants beside those that hold now, and why its buttons are off."""
    now = limits_of(row.tenant_id) if row.state == QuotaRequestState.OPEN else {}
    return {
        "row": row,
        "wanted": [
            {"resource": name, "label": AMOUNTS[name][0], "amount": amount, "now": now.get(name)} for name, amount in row.wanted.items()
        ],
        "why_not": {verb: why_not(actor, f"quota_request.{verb}", row.tenant_id) for verb in ("approve", "decline", "cancel")},
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: PageRequest) -> HttpResponse:
    tenant = _tenant_of(request)
    check_first(request.actor, "quota_request.create", tenant)
    form = forms.AskForm(tenant, meters.meters_of(tenant), posted(request), initial=request.GET.dict())
    if form.is_valid():
        with form.showing_refusals():
            quota_requests.create_quota_request(request.actor, tenant, form.wanted(), reason=form.cleaned_data["reason"])
            messages.info(request, "Your request is sent. An admin will answer it.")
            return to(request, LIST)
    context = {
        "form": form,
        "tenant": tenant,
        "tenants": tenants_for(request.actor, "quota_request.create"),
        "open": meters.open_request_of(tenant),
        "page_title": "Ask for a larger quota",
    }
    return dialog(request, "quotas/_ask.html", context, refused=form.is_bound)


def _tenant_of(request: PageRequest) -> Tenant:
    """The one named, or the first for which the actor may ask."""
    named = request.POST.get("tenant") or request.GET.get("tenant")
    if named:
        return tenant_for(request.actor, named)
    tenant = tenants_for(request.actor, "quota_request.create").first()
    if tenant is None:
        raise NotAllowed(why_not_anywhere(request.actor, "quota_request.create") or "There is no active tenant.")
    return tenant


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def approve(request: PageRequest, request_id: str) -> HttpResponse:
    row = _row(request, request_id, "approve")
    form = forms.ApproveForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            quota_requests.approve_quota_request(request.actor, row, message=form.cleaned_data["message"])
            messages.info(request, f"The limits of {row.tenant.name} are raised.")
            return to(request, LIST)
    return _decide(request, row, form, verb="approve", title="Approve the request")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def decline(request: PageRequest, request_id: str) -> HttpResponse:
    row = _row(request, request_id, "decline")
    form = forms.DeclineForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            quota_requests.decline_quota_request(request.actor, row, message=form.cleaned_data["message"])
            return to(request, LIST)
    return _decide(request, row, form, verb="decline", title="Decline the request")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: PageRequest, request_id: str) -> HttpResponse:
    row = _row(request, request_id, "cancel")
    form = forms.WithdrawForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            quota_requests.cancel_quota_request(request.actor, row)
            return to(request, LIST)
    return _decide(request, row, form, verb="withdraw", title="Withdraw the request")


def _row(request: PageRequest, request_id: str, verb: str) -> QuotaRequest:
    row = meters.quota_request_for(request.actor, request_id)
    check_first(request.actor, f"quota_request.{verb}", row)
    return row


def _decide(request: PageRequest, row: QuotaRequest, form: Any, *, verb: str, title: str) -> HttpResponse:
    now = {meter.resource: meter for meter in meters.meters_of(row.tenant)}
    lines = [{"meter": now[name], "amount": amount} for name, amount in row.wanted.items()]
    context = {"row": row, "form": form, "verb": verb, "lines": lines, "page_title": title}
    return dialog(request, "quotas/_decide.html", context, refused=form.is_bound)
