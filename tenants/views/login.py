"""Logging in and out, and changing one's own password."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin

from tenants.forms import LoginForm, OwnPasswordForm


class Login(LoginView):
    form_class = LoginForm
    redirect_authenticated_user = True


class Logout(LogoutView):
    pass


class ChangePassword(SuccessMessageMixin, PasswordChangeView):
    form_class = OwnPasswordForm
    template_name = "registration/password.html"
    success_url = "/"
    success_message = "Your password is changed."
