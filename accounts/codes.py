"""Checking a code of an authenticator app or a recovery code: each is good for one use, also with several web processes.

allauth remembers used codes in the cache of one process; here the last used time step is kept with the secret, under a row lock
(RFC 6238, section 5.2).
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.db import transaction
from django.utils.crypto import constant_time_compare

from accounts.adapters import MfaAdapter
from tenants.models import User


@transaction.atomic
def use_code(user: User, code: str) -> Authenticator | None:
    """The factor whose code this is, now used up; None when it is none or was used before."""
    given = "".join(code.split()).replace("-", "")
    rows = Authenticator.objects.select_for_update().filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN)
    for row in sorted(rows, key=lambda row: row.type != Authenticator.Type.TOTP):
        is_right = _use_totp(row, given) if row.type == Authenticator.Type.TOTP else row.wrap().validate_code(given)
        if is_right:
            return row
    return None


def _use_totp(row: Authenticator, code: str) -> bool:
    step = step_of(MfaAdapter().decrypt(row.data["secret"]), code)
    if step is None or step <= row.data.get("last_step", 0):
        return False
    row.data["last_step"] = step
    row.save(update_fields=["data"])
    return True


def step_of(secret: str, code: str) -> int | None:
    """The time step near now whose code this is."""
    for step in yield_hotp_counters_from_time():
        if constant_time_compare(code, format_hotp_value(hotp_value(secret, step))):
            return int(step)
    return None
