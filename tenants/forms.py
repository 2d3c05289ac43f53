"""Forms of tenants, their people and invitations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from kvmweb.forms import KvmwebForm
from tenants.models import TenantRole, User


class ConfirmForm(KvmwebForm):
    """Yes, and nothing else. Bound by its POST, however empty."""


class TenantForm(KvmwebForm):
    name = forms.RegexField(
        r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z",
        max_length=63,
        help_text="Lower-case letters, digits and hyphens.",
        error_messages={"invalid": "Use lower-case letters, digits and hyphens, with a letter or digit at both ends."},
        widget=forms.TextInput({"spellcheck": "false"}),
    )
    description = forms.CharField(max_length=2000, required=False, widget=forms.Textarea({"rows": 2}))
    is_active = forms.BooleanField(
        required=False, initial=True, label="Active", help_text="Off: its people lose sight of it at once. Its guests run on."
    )

    def wanted(self, *names: str) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in names}


ROLE_HELP = "Viewers look, members also work with guests, owners also decide who belongs here."


class RoleForm(KvmwebForm):
    role = forms.ChoiceField(choices=TenantRole.choices, initial=TenantRole.MEMBER, help_text=ROLE_HELP)


class MemberForm(RoleForm):
    username = forms.CharField(max_length=150, label="User name", widget=forms.TextInput({"spellcheck": "false", "autocapitalize": "none"}))
    field_order = ("username", "role")

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if not User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError("There is no such user. Check the spelling, or invite the person by link.")
        return username


class InviteForm(RoleForm):
    note = forms.CharField(max_length=100, required=False, label="For whom", help_text="Only for your list. Nothing is sent.")
    days = forms.IntegerField(min_value=1, max_value=90, initial=7, label="Good for")
    field_order = ("note", "role", "days")

    def arguments(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {"role": given["role"], "for_whom": given["note"], "expires_at": timezone.now() + timedelta(days=given["days"])}


class JoinForm(KvmwebForm):
    """An account made with an invitation. Whether the name is free and the password good is the service's business."""

    username = forms.CharField(
        max_length=150,
        label="User name",
        widget=forms.TextInput({"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(max_length=512, strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"}))
    password_again = forms.CharField(
        max_length=512, strip=False, label="Password again", widget=forms.PasswordInput({"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "password" in given and given["password"] != given.get("password_again"):
            self.add_error("password_again", "The two passwords differ.")
        return given
