"""Pages of API tokens: the list, and the dialogs that make, rotate and revoke one. A key is shown by the answer that made it only."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from kvmweb.forms import KvmwebForm
from kvmweb.paging import Page, page_of
from kvmweb.requests import PageRequest, dialog, is_fragment, to
from tenants import selectors, services
from tenants.models import ApiToken
from tenants.policy import why_not
from tenants.services import CreatedToken
from tenants.token_forms import TokenForm


@login_required
@require_safe
def token_list(request: PageRequest) -> HttpResponse:
    search = request.GET.get("search", "").strip()[:100].replace("\0", "")
    everybodys = request.actor.is_admin and request.GET.get("of") == "everybody"
    rows = selectors.token_list(request.actor, everybodys=everybodys, search=search).order_by("-created", "-public_id")
    page: Page[ApiToken] = page_of(rows, request.GET.get("page", ""))
    context = {
        "page": page,
        "everybodys": everybodys,
        "search": search,
        "why_not_create": why_not(request.actor, "token.create", None),
        "why_not_revoke": why_not(request.actor, "token.delete", None),
    }
    return render(request, "tokens/_list.html" if is_fragment(request) else "tokens/list.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: PageRequest) -> HttpResponse:
    form = TokenForm(request.actor, request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            return _show(request, services.create_token(request.actor, None, **form.as_fields()))
    return dialog(request, "tokens/_add.html", {"form": form}, refused=form.is_bound)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: PageRequest, token_id: UUID) -> HttpResponse:
    token = selectors.token_for(request.actor, token_id)
    form = KvmwebForm()
    if request.method == "POST":
        with form.showing_refusals():
            return _show(request, services.rotate_token(request.actor, None, token))
    return dialog(request, "tokens/_rotate.html", {"token": token, "form": form}, refused=form.refusal is not None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: PageRequest, token_id: UUID) -> HttpResponse:
    token = selectors.token_for(request.actor, token_id)
    if request.method == "POST":
        services.delete_token(request.actor, None, token)
        messages.success(request, f"Token {token.name} is revoked. It stopped working at once.")
        return to(request, "/tokens/" if token.user_id == request.actor.user_id else "/tokens/?of=everybody")
    return dialog(request, "tokens/_revoke.html", {"token": token})


def _show(request: PageRequest, made: CreatedToken) -> HttpResponse:
    return dialog(request, "tokens/_created.html", {"token": made.token, "key": made.key, "page_title": "Your new token"})
