"""Forms of logging in and of one's account. Those of allauth are kept for what they do after checking; how they check is ours."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as account_forms
from allauth.account.internal.flows.login import record_authentication
from allauth.core import context
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.webauthn import forms as webauthn_forms
from allauth.mfa.webauthn.internal import auth as webauthn
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts import guard
from accounts.adapters import WRONG_CODE
from accounts.codes import step_of, use_code
from accounts.sessions import is_local
from kvmweb.forms import KvmwebForm, dress
from tenants.models import User

NOT_ALONE = "Log in with your organisation's password or sign-on first; your passkey is asked for after it."


def _dress(form: forms.Form) -> None:
    form.label_suffix = ""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
    dress(form)


class LoginForm(account_forms.LoginForm):
    """The fields are called username and password in HTML, which scripts rely on; allauth calls the first one login."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "User name"
        self.fields["login"].max_length = 150
        self.fields["password"].help_text = ""
        _dress(self)

    def add_prefix(self, field_name: str) -> str:
        return "username" if field_name == "login" else super().add_prefix(field_name)

    def _login_with_password(self, request: HttpRequest, redirect_url: str | None, credentials: dict[str, Any]) -> Any:
        # A password that was typed just now is as good as typing it again a moment later.
        record_authentication(request, self.user, method="password", reauthenticated=True)
        return super()._login_with_password(request, redirect_url, credentials)

    @property
    def wait_s(self) -> int:
        """Seconds to wait after too many attempts, else 0."""
        found = [error for error in self.errors.as_data().get("__all__", []) if error.code == guard.TOO_MANY]
        return int(found[0].params["wait_s"]) if found else 0


class ConfirmPasswordForm(account_forms.ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""
        _dress(self)


class _TwoPasswords:
    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("oldpassword", "Current password"), ("password1", "New password"), ("password2", "New password again")):
            if name in self.fields:
                self.fields[name].label = label
        self.fields["password1"].help_text = "At least 10 characters, not a common one, not your name."
        if "oldpassword" in self.fields:
            self.fields["oldpassword"].help_text = ""
        _dress(self)  # type: ignore[arg-type]


class ChangePasswordForm(_TwoPasswords, account_forms.ChangePasswordForm):
    def clean_oldpassword(self) -> str:
        attempt = guard.begin(context.request, "password", self.user)
        password = super().clean_oldpassword()
        attempt.succeeded()
        return str(password)


class NewPasswordForm(_TwoPasswords, account_forms.ResetPasswordKeyForm):
    pass


class ResetPasswordForm(account_forms.ResetPasswordForm):
    """Every request counts, for the e-mail as for the address: it makes us send something."""

    users: list[User]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail"
        _dress(self)

    def clean_email(self) -> str:
        guard.begin(context.request, "reset", self.cleaned_data["email"])
        email = super().clean_email()
        self.users = [user for user in self.users if is_local(user)]
        return str(email)


# -- second factors -----------------------------------------------------------------------------------------------------------------
class CodeForm(forms.Form):
    """A code of an authenticator app or a recovery code."""

    code = forms.CharField(
        label="Code", max_length=40, widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True})
    )
    is_reauthentication = False

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        _dress(self)

    def clean_code(self) -> str:
        attempt = guard.begin(context.request, "code", self.user)
        found = use_code(self.user, self.cleaned_data["code"])
        if found is None:
            authentication_failed.send(
                sender=Authenticator, request=context.request, user=self.user, authenticator=None, reauthentication=self.is_reauthentication
            )
            raise ValidationError(WRONG_CODE, code="incorrect_code")
        attempt.succeeded()
        found.user = self.user
        self.authenticator = found
        return str(self.cleaned_data["code"])

    def save(self) -> None:
        post_authentication(context.request, self.authenticator, reauthenticated=self.is_reauthentication)


class ConfirmCodeForm(CodeForm):
    is_reauthentication = True


class ActivateTotpForm(totp_forms.ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "Code from the app"
        self.fields["code"].widget.attrs.update({"inputmode": "numeric"})
        _dress(self)

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].split())
        if step_of(self.secret, code) is None:
            raise ValidationError(WRONG_CODE, code="incorrect_code")
        return code


class CredentialField(forms.JSONField):
    """What a browser says of a passkey. Other things are refused here: the parsers behind it fail in ways of their own."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput)

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
        except (RecursionError, ValueError) as error:
            raise ValidationError(WRONG_CODE, code="incorrect_code") from error
        if found is not None and not (isinstance(found, dict) and isinstance(found.get("rawId"), str)):
            raise ValidationError(WRONG_CODE, code="incorrect_code")
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial


class PasskeyForm(webauthn_forms.AuthenticateWebAuthnForm):
    """Nothing can be guessed here, so nothing is counted for the account: others could lock it."""

    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        credential = self.cleaned_data["credential"]
        webauthn.parse_authentication_response(credential)
        return webauthn.complete_authentication(self.user, credential)


class PasskeyLoginForm(webauthn_forms.LoginWebAuthnForm):
    """The passkey alone: it must have asked for a finger or a PIN. allauth asks for that in the challenge only, and the challenge of its
    page after a password, which is content with a touch, would open here too."""

    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        answer = self.cleaned_data["credential"]
        authenticator = super().clean_credential()
        if not webauthn.parse_authentication_response(answer).response.authenticator_data.is_user_verified():
            raise ValidationError(WRONG_CODE, code="incorrect_code")
        # An account of a directory or a sign-on service is let in by them each time: they may have let the person go.
        if not is_local(authenticator.user):
            raise ValidationError(NOT_ALONE, code="not_alone")
        return authenticator


class ConfirmPasskeyForm(PasskeyForm):
    reauthenticated = True


class AddPasskeyForm(webauthn_forms.AddWebAuthnForm):
    credential = CredentialField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["name"]
        name.max_length, name.label, name.help_text = 80, "Name", "So that you know it again, such as: laptop, blue key."
        self.initial["name"] = ""
        if not is_local(self.user):
            self.fields.pop("passwordless", None)
        passwordless = self.fields.get("passwordless")
        if passwordless is not None:
            passwordless.label = "Log in with it alone"
            passwordless.help_text = "A passkey: no user name, no password. Without this it is asked for after the password."
            passwordless.initial = True
        _dress(self)


# -- the account --------------------------------------------------------------------------------------------------------------------
class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("first_name", "last_name", "email")
        labels = {"email": "E-mail"}
        help_texts = {"email": "Where a link goes when you forget your password."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self)  # type: ignore[arg-type]


class SshKeyForm(KvmwebForm):
    name = forms.CharField(max_length=80, help_text="Such as: laptop.")
    public_key = forms.CharField(
        label="Public key",
        widget=forms.Textarea({"rows": 4, "placeholder": "ssh-ed25519 AAAA… you@laptop", "spellcheck": "false"}),
        help_text="One line, from a file that ends in .pub.",
    )
