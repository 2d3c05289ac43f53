"""One's own account: profile, and the sessions one is logged in with."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms import ProfileForm
from accounts.oidc import account_of
from accounts.receivers import record
from accounts.sessions import device, end_sessions, is_local, sessions_of
from kvmweb.requests import PageRequest
from tenants import mfa
from tenants.models import User


def own_user(request: PageRequest) -> User:
    """The row itself: `request.user` is lazy, and forms and signals want the real thing."""
    return User.objects.get(pk=str(request.user.pk))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: PageRequest) -> HttpResponse:
    user = own_user(request)
    form = ProfileForm(request.POST or None, instance=user) if is_local(user) else None
    if form is not None and form.is_valid():
        if "email" in form.changed_data:
            # Links for a new password go there: a session that somebody left open must not become the account.
            raise_if_reauthentication_required(request, app="")
        if form.has_changed():
            form.save()
            record(request, user, "account.change", message=", ".join(form.changed_data))
            messages.success(request, "Saved.")
        return redirect("account_profile")
    status = 422 if form is not None and form.is_bound else 200
    return render(request, "account/profile.html", {"form": form, "person": user, **overview(user)}, status=status)


def overview(user: User) -> dict[str, Any]:
    return {
        "has_password": user.has_usable_password(),
        "is_directory": hasattr(user, "directory_account"),
        "factors": list(Authenticator.objects.filter(user=user, type__in=mfa.SECOND_FACTORS).order_by("created_at")),
        "is_mfa_required": mfa.is_required_of(user),
        "session_count": len(sessions_of(user)),
        "ssh_keys": list(user.ssh_keys.all()),
        "oidc_name": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        "oidc_account": account_of(user) if settings.OIDC_ISSUER else None,
        "memberships": list(user.memberships.select_related("tenant").order_by("tenant__name")),
    }


@login_required
@require_safe
def no_password_here(request: PageRequest) -> HttpResponse:
    """Where allauth sends people without a password. One of ours would outlive their account in the directory or at the provider."""
    messages.info(request, "Your password is kept in your organisation's directory or sign-on service. Change it there.")
    return redirect("account_profile")


@login_required
@require_safe
def sessions(request: PageRequest) -> HttpResponse:
    user = own_user(request)
    rows = [
        {"pk": row.pk, "row": row, "device": device(row.user_agent), "is_here": row.session_key == request.session.session_key}
        for row in sessions_of(user)
    ]
    rows.sort(key=lambda row: not row["is_here"])
    return render(request, "usersessions/usersession_list.html", {"sessions": rows, "others": sum(not row["is_here"] for row in rows)})


@login_required
@reauthentication_required
@require_POST
def end_session(request: PageRequest, pk: int) -> HttpResponse:
    user = own_user(request)
    if end_sessions(user, only=pk, keep=request.session.session_key):
        record(request, user, "session.revoke")
        messages.success(request, "That session is ended. Consoles opened from it close within seconds.")
    return redirect("usersessions_list")


@login_required
@reauthentication_required
@require_POST
def end_other_sessions(request: PageRequest) -> HttpResponse:
    user = own_user(request)
    ended = end_sessions(user, keep=request.session.session_key)
    record(request, user, "session.revoke", message=f"all others: {ended}")
    messages.success(request, "You are logged in here only.")
    return redirect("usersessions_list")
