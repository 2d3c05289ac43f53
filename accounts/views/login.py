"""In and out: login by password or passkey, the second factor, logout, and the ways back in for who forgot the password."""

from __future__ import annotations

from typing import Any

from allauth.account import views as account_views
from allauth.mfa.webauthn import views as webauthn_views
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts import guard
from tenants import audit
from tenants.models import AuditEntry


class Login(account_views.LoginView):
    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        if form.wait_s:
            response.status_code = 429
            response["Retry-After"] = str(form.wait_s)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "oidc_name": settings.OIDC_NAME if settings.OIDC_ISSUER else ""}


class Logout(account_views.LogoutView):
    http_method_names = ["post"]


class PasskeyLogin(webauthn_views.LoginWebAuthnView):
    """What fails is counted for the address and recorded: nobody says which account it was about."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            self.attempt = guard.begin(request, "passkey", "")
        except ValidationError as error:
            return render(request, "account/too_many.html", {"message": error.messages[0]}, status=429)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        if not form.cleaned_data["credential"].user.is_active:
            return self.form_invalid(form)
        self.attempt.succeeded()
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        audit.record(guard.guesser(self.request, "passkey"), "login", AuditEntry.Outcome.REFUSED)
        return super().form_invalid(form)


class ResetPassword(account_views.PasswordResetView):
    """Without a mail server, or without knowing our own address, only an admin can help; then the page says so."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not (settings.EMAIL_URL and settings.PUBLIC_URL):
            if request.method == "POST":
                return redirect("account_reset_password")
            return render(request, "account/password_reset.html", {"is_possible": False})
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "is_possible": True}
