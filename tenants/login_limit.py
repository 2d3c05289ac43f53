"""Ten failed attempts per account, or thirty per address, in five minutes: then neither is asked any more. Counted in the audit trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import user_logged_in, user_login_failed
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from tenants import audit
from tenants.actor import Actor, actor_for
from tenants.middleware import address_of
from tenants.models import AuditEntry, User

WINDOW = timedelta(minutes=5)
PER_ACCOUNT = 10
PER_ADDRESS = 30


def check(form: AuthenticationForm) -> None:
    """Raise ValidationError when there were too many failures: the same for accounts that exist and for those that do not."""
    username = str(form.cleaned_data.get("username") or "")
    failures = AuditEntry.objects.filter(operation="login", outcome=AuditEntry.Outcome.REFUSED, at__gt=timezone.now() - WINDOW)
    of_account = failures.filter(actor_label=_label(username)).count()
    of_address = failures.filter(address=address_of(form.request)).count() if form.request else 0
    if of_account >= PER_ACCOUNT or of_address >= PER_ADDRESS:
        raise ValidationError(form.error_messages["too_many"], code="too_many")


@receiver(user_login_failed)
def record_failure(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    actor = Actor(label=_label(str(credentials.get("username", ""))), address=address_of(request) if request else "")
    audit.record(actor, "login", AuditEntry.Outcome.REFUSED)


@receiver(user_logged_in)
def record_login(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(actor_for(user, address=address_of(request)), "login", AuditEntry.Outcome.DONE)


def _label(username: str) -> str:
    return username[:150].lower()
