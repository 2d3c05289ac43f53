"""A receiver that cannot be used is said at start, not only in the log of beat."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from tenants.audit.forward import courier
from tenants.audit.forward.syslog import BadTarget


@register()
def receivers_can_be_used(**_: Any) -> list[CheckMessage]:
    try:
        courier.receivers()
    except BadTarget as error:
        return [Error(str(error), hint="Correct the setting, or leave it empty: docs/admins.md.", id="kvmweb.audit.E001")]
    return []
