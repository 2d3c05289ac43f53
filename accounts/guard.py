"""One guess of a password or code by the sender of a request: counted, and the first refusal of a lock recorded."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts import throttle
from accounts.names import account_key
from tenants import audit
from tenants.actor import Actor
from tenants.middleware import address_of
from tenants.models import AuditEntry, User

TOO_MANY = "too_many"


def begin(request: HttpRequest, kind: str, who: User | str) -> throttle.Attempt:
    """`who`: the account, or the name somebody typed. Raises ValidationError with code `too_many`, for the form that asks."""
    account = f"user:{who.pk}" if isinstance(who, User) else account_key(who)
    try:
        return throttle.begin(kind, account, address_of(request))
    except throttle.TooManyAttempts as error:
        if error.is_news:
            audit.record(guesser(request, who), "login", AuditEntry.Outcome.REFUSED, message=error.message)
        raise ValidationError(error.message, code=TOO_MANY, params={"wait_s": int(error.wait_s) + 1}) from error


def guesser(request: HttpRequest | None, who: User | str) -> Actor:
    """The actor of a failed attempt. For a typed name its label is what was typed: nothing says that the account exists."""
    label = who.get_username() if isinstance(who, User) else who[:150].lower()
    address = address_of(request) if request is not None else ""
    request_id = (getattr(request, "id", "") or "") if request is not None else ""
    return Actor(label=label, user_id=who.pk if isinstance(who, User) else None, address=address, request_id=request_id)
