"""Second factors: allauth's pages, plus what it does not ask before a passkey goes."""

from __future__ import annotations

from typing import Any

from allauth.mfa.webauthn import views as webauthn_views
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from accounts.adapters import MfaAdapter


class RemovePasskey(webauthn_views.RemoveWebAuthnView):
    def form_valid(self, form: Any) -> HttpResponse:
        if not MfaAdapter().can_delete_authenticator(self.get_object()):
            messages.error(self.request, MfaAdapter.error_messages["cannot_delete_authenticator"])
            return redirect("mfa_index")
        return super().form_valid(form)
