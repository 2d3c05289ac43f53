"""What follows from logging in and out and from changes of passwords and factors: the audit record, and the end of other sessions."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import password_changed, password_reset
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed, authenticator_added, authenticator_removed, authenticator_reset
from allauth.socialaccount.signals import social_account_added
from allauth.usersessions.models import UserSession
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.guard import guesser
from accounts.middleware import LOGGED_IN_AT
from accounts.sessions import end_sessions
from tenants import audit, mfa
from tenants.actor import actor_for
from tenants.middleware import address_of
from tenants.models import AuditEntry, User

DONE, REFUSED = AuditEntry.Outcome.DONE, AuditEntry.Outcome.REFUSED


def record(request: HttpRequest | None, user: User, operation: str, *, message: str = "", outcome: str = DONE, **details: Any) -> None:
    address = address_of(request) if request is not None else ""
    request_id = (getattr(request, "id", "") or "") if request is not None else ""
    actor = actor_for(user, address=address, request_id=request_id)
    audit.record(actor, operation, outcome, message=message, details=details)


def record_nobody(request: HttpRequest, message: str) -> None:
    """A login that failed before anybody said who it is."""
    audit.record(guesser(request, "oidc"), "login", REFUSED, message=message)


# -- logging in and out ---------------------------------------------------------------------------------------------------------------
@receiver(user_logged_in)
def on_login(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    request.session[LOGGED_IN_AT] = time.time()
    record(request, user, "login", message=_how(request, user))


@receiver(user_login_failed)
def on_failed_login(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    audit.record(guesser(request, str(credentials.get("username", ""))), "login", REFUSED)


@receiver(authentication_failed)
def on_wrong_code(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(guesser(request, user), "login", REFUSED, message="The second factor was wrong.")


@receiver(user_logged_out)
def on_logout(sender: Any, request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if user is None:
        return
    record(request, user, "logout")
    if request is not None and request.session.session_key:
        UserSession.objects.filter(session_key=request.session.session_key).delete()


def _how(request: HttpRequest, user: User) -> str:
    """Such as "password, totp"."""
    steps = get_authentication_records(request, user)
    return ", ".join(dict.fromkeys(str(step.get("type") or step.get("method")) for step in steps))


# -- passwords --------------------------------------------------------------------------------------------------------------------------
@receiver(password_changed)
def on_password_changed(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    record(request, user, "password.change")


@receiver(password_reset)
def on_password_reset(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    record(request, user, "password.reset")


@receiver(pre_save, sender=User)
def note_what_ends_sessions(sender: Any, instance: User, update_fields: Any = None, **_: Any) -> None:
    """Whoever changes a password or disables an account, here, in the admin or on the command line, ends its sessions."""
    instance._ends_sessions = False  # type: ignore[attr-defined]
    if instance._state.adding or (update_fields is not None and not {"password", "is_active"} & set(update_fields)):
        return
    before = User.objects.filter(pk=instance.pk).values("password", "is_active").first()
    if before is not None:
        instance._ends_sessions = before["password"] != instance.password or (before["is_active"] and not instance.is_active)  # type: ignore[attr-defined]


@receiver(post_save, sender=User)
def end_sessions_of_changed_user(sender: Any, instance: User, **_: Any) -> None:
    if getattr(instance, "_ends_sessions", False):
        request = getattr(context, "request", None)
        is_own = getattr(request, "user", None) == instance and instance.is_active
        end_sessions(instance, keep=request.session.session_key if request is not None and is_own else None)


# -- second factors ---------------------------------------------------------------------------------------------------------------------
@receiver(authenticator_added)
def on_factor_added(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        return
    record(request, user, "mfa.add", message=str(authenticator), type=authenticator.type)
    if Authenticator.objects.filter(user=user, type__in=mfa.SECOND_FACTORS).count() == 1:
        # The others were opened with the password alone.
        end_sessions(user, keep=request.session.session_key)


@receiver(authenticator_removed)
def on_factor_removed(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record(request, user, "mfa.remove", message=str(authenticator), type=authenticator.type)


@receiver(authenticator_reset)
def on_new_recovery_codes(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    record(request, user, "mfa.new_codes")


# -- single sign-on -----------------------------------------------------------------------------------------------------------------------
@receiver(social_account_added)
def on_connected(sender: Any, request: HttpRequest, sociallogin: Any, **_: Any) -> None:
    record(request, sociallogin.user, "oidc.connect", message=str(sociallogin.account.uid))
