"""The page behind an invitation's link. Looking changes nothing; accepting is a POST, with the account one has or with a new one.

The link is a secret until it is used: this page sends no path in a Referer, is kept in no cache, and no log line shows it (`kvmweb.logs`).
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from kvmweb.requests import PageRequest, posted
from tenants.forms import JoinForm
from tenants.middleware import address_of
from tenants.models import Invitation, Tenant
from tenants.services.invitations import accept_invitation, join, usable_invitation


@never_cache
@sensitive_post_parameters("password", "password_again")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: PageRequest, token: str) -> HttpResponse:
    row = usable_invitation(token)
    response = _for_member(request, row, token) if request.user.is_authenticated else _for_newcomer(request, row, token)
    # Not no-referrer: browsers then send "Origin: null" with the form, which the check against forged requests refuses.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _for_member(request: PageRequest, row: Invitation, token: str) -> HttpResponse:
    if request.method != "POST":
        return render(request, "tenants/invitation.html", {"invitation": row, "token": token})
    return _welcome(request, accept_invitation(request.actor, None, row))


def _for_newcomer(request: PageRequest, row: Invitation, token: str) -> HttpResponse:
    form = JoinForm(posted(request))
    if form.is_valid():
        with form.showing_refusals():
            given = form.cleaned_data
            user = join(row, username=given["username"], password=given["password"], address=address_of(request))
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            return _welcome(request, row.tenant)
    return render(
        request, "tenants/invitation.html", {"invitation": row, "token": token, "form": form}, status=422 if form.is_bound else 200
    )


def _welcome(request: PageRequest, tenant: Tenant) -> HttpResponse:
    messages.success(request, f"Welcome to {tenant.name}.")
    return redirect("/")
