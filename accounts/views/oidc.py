"""Single sign-on: to the provider, back from it, and connecting it to an account one has."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from accounts import oidc
from accounts.receivers import record, record_nobody
from accounts.views.account import own_user
from kvmweb.requests import PageRequest


@require_POST
def login(request: HttpRequest) -> HttpResponse:
    return _begin(request, "login", get_next_redirect_url(request))


@login_required
@reauthentication_required
@require_POST
def connect(request: PageRequest) -> HttpResponse:
    return _begin(request, "connect", "/account/")


@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    if not settings.OIDC_ISSUER:
        raise Http404
    try:
        response: HttpResponse = oidc.Callback.adapter_view(oidc.OidcAdapter)(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    except (KeyError, ValueError) as error:
        # Its configuration or its answer lacks what every provider must have.
        record_nobody(request, f"The answer of the provider could not be read: {type(error).__name__} {error}")
        return render(request, "socialaccount/authentication_error.html", status=502)
    return response


@login_required
@reauthentication_required
@require_POST
def disconnect(request: PageRequest) -> HttpResponse:
    user = own_user(request)
    account = oidc.account_of(user)
    if account is not None and user.has_usable_password():
        account.delete()
        record(request, user, "oidc.disconnect", message=account.uid)
        messages.success(request, "It is disconnected.")
    return redirect("account_profile")


@require_safe
def cancelled(request: HttpRequest) -> HttpResponse:
    return redirect("account_login")


def _begin(request: HttpRequest, process: str, next_url: str | None) -> HttpResponse:
    if not settings.OIDC_ISSUER:
        raise Http404
    try:
        return oidc.begin(request, process, next_url)
    except (RequestException, ValueError, KeyError):
        problem = f"{settings.OIDC_NAME} does not answer just now. Local accounts can still log in with their password."
        return render(request, "socialaccount/authentication_error.html", {"problem": problem[:1].upper() + problem[1:]}, status=503)
