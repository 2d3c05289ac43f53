"""The form of a new API token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone

from kvmweb.forms import KvmwebForm
from tenants import selectors
from tenants.actor import Actor
from tenants.models import Tenant, TokenScope
from tenants.policy import SCOPES

SCOPE_WORDS = {
    TokenScope.READ: "read: look at everything you may see, change nothing",
    TokenScope.OPERATE: "operate: also work on guests, images and jobs",
    TokenScope.ADMIN: "admin: all that you may do yourself",
}
DAYS = (7, 30, 90, 365)
SUGGESTED_DAYS = 90


class TokenForm(KvmwebForm):
    name = forms.CharField(max_length=80, help_text="What uses it and where, such as backup on host9.")
    scope = forms.ChoiceField(initial=TokenScope.READ)
    tenant = forms.ModelChoiceField(Tenant.objects.none(), required=False, empty_label="All that you may see")
    days = forms.ChoiceField(label="Expires", initial=str(SUGGESTED_DAYS))
    aliases = {"expires_at": "days"}

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choose_from("tenant", selectors.tenant_list(actor).filter(is_active=True).order_by("name"))
        allowed = SCOPES[: SCOPES.index(actor.scope) + 1] if actor.scope in SCOPES else SCOPES[:1]
        self.fields["scope"].choices = [(scope, SCOPE_WORDS[TokenScope(scope)]) for scope in allowed]  # type: ignore[attr-defined]
        longest = settings.TOKEN_MAX_DAYS
        days = [number for number in DAYS if not longest or number < longest] + ([longest] if longest else [])
        choices = [(str(number), f"in {number} days") for number in days]
        self.fields["days"].choices = choices + ([] if longest else [("", "never")])  # type: ignore[attr-defined]
        self.fields["days"].required = bool(longest)
        if str(SUGGESTED_DAYS) not in dict(choices):
            self.initial.setdefault("days", choices[-1][0])

    def as_fields(self) -> dict[str, Any]:
        """What `create_token` takes."""
        given = self.cleaned_data
        expires_at: datetime | None = timezone.now() + timedelta(days=int(given["days"])) if given["days"] else None
        return {"name": given["name"], "scope": given["scope"], "tenant": given["tenant"], "expires_at": expires_at}
