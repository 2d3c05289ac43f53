"""How allauth behaves here: its texts, who may log in, where secrets are kept, and that every guess is counted."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import guard
from accounts.middleware import LOGGED_IN_AT
from kvmweb.fields import open_text, seal_text
from tenants import audit, mfa
from tenants.middleware import address_of
from tenants.models import AuditEntry, User

logger = logging.getLogger(__name__)

WRONG = "That user name and password do not match an account."
DIRECTORY_DOWN = (
    "The directory (LDAP) does not answer just now, so its accounts cannot log in. "
    "Accounts kept here can: check name and password, or try again later."
)
WRONG_CODE = "That code is not right, or it was used already. Wait for the next one, then try again."


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": WRONG,
        "account_inactive": WRONG,
        "incorrect_password": "That is not your password.",
        "enter_current_password": "That is not your password.",
        "incorrect_code": WRONG_CODE,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request) or "0.0.0.0"  # noqa: S104  (the column wants an address; a unix socket has none)

    def is_safe_url(self, url: str | None) -> bool:
        """This host alone. allauth would take whatever ALLOWED_HOSTS matches, which by default is every IP address and short name."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts={context.request.get_host()})

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Counted before it is checked. A disabled account fails like a wrong password: allauth would send it to a page of its own."""
        username = str(credentials.get("username", ""))
        attempt = guard.begin(request, "password", username)
        user = authenticate(request, username=username, password=credentials.get("password"))
        if not isinstance(user, User):
            if getattr(request, "directory_is_down", False):
                raise ValidationError(DIRECTORY_DOWN, code="directory_down")
            return None
        attempt.succeeded()
        return user

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """allauth asks nothing of those who have no password and no factor here. They must have logged in just now."""
        request = context.request
        age_s = time.time() - request.session.get(LOGGED_IN_AT, 0)
        if age_s > app_settings.REAUTHENTICATION_TIMEOUT and not get_reauthentication_flows(request.user):
            messages.error(request, "This needs a fresh login: log out and in again, then do it within five minutes.")
            raise ImmediateHttpResponse(redirect("account_profile"))
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Only after a proof that was not a password, such as single sign-on: those fail earlier."""
        audit.record(guard.guesser(request, user), "login", AuditEntry.Outcome.REFUSED, message="The account is disabled.")
        return super().respond_user_inactive(request, user)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_profile")

    def get_reset_password_from_key_url(self, key: str) -> str:
        return f"{settings.PUBLIC_URL}{reverse('account_reset_password_from_key', kwargs={'uidb36': 'UID', 'key': 'KEY'})}".replace(
            "UID-KEY", key
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In a thread: how long the mail server takes must not tell whether there was anything to send."""
        values = {"email": email, "product_name": settings.SITE_NAME, "public_url": settings.PUBLIC_URL, **context}
        threading.Thread(target=_send, args=(self.render_mail(template_prefix, email, values),), daemon=True).start()


def _send(message: Any) -> None:
    try:
        message.send()
    except Exception as error:
        logger.error("An e-mail could not be sent: %s. Check EMAIL_URL.", error)


class MfaAdapter(DefaultMFAAdapter):
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": WRONG_CODE,
        "cannot_delete_authenticator": "Your role or one of your tenants requires a second factor. Add another one first.",
    }

    def encrypt(self, text: str) -> str:
        return seal_text(text)

    def decrypt(self, encrypted_text: str) -> str:
        return open_text(encrypted_text)

    def get_totp_issuer(self) -> str:
        return settings.SITE_NAME

    def get_totp_label(self, user: Any) -> str:
        return str(user.get_username())

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        domain, _ = split_domain_port(context.request.get_host())
        return {"id": domain, "name": settings.SITE_NAME}

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(user=authenticator.user, type__in=mfa.SECOND_FACTORS).exclude(pk=authenticator.pk)
        return others.exists() or not mfa.is_required_of(authenticator.user)
