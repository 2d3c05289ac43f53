"""Tells every web process at once when somebody's rights may have changed, so that open sockets need not wait for the periodic check.

What is changed behind Django's back (`QuerySet.update`, another program) is found by that check, within 5 s.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from live import bus
from tenants.models import ApiToken, Membership, Tenant, User

WATCHED = (Session, User, Membership, Tenant, ApiToken)
HARMLESS = ({"last_login"}, {"last_used_at"}, {"last_seen_at"})


def rights_may_have_changed(sender: Any, *, created: bool = False, update_fields: Any = None, **kwargs: Any) -> None:
    """A new user, session or token changes nobody's rights; a new membership does."""
    if (created and sender is not Membership) or (update_fields and set(update_fields) in HARMLESS):
        return
    # robust: a bus that is down must not fail the change; the periodic check follows.
    transaction.on_commit(partial(bus.send_raw, bus.RIGHTS), robust=True)


for model in WATCHED:
    post_save.connect(rights_may_have_changed, sender=model, dispatch_uid="live-rights")
    post_delete.connect(rights_may_have_changed, sender=model, dispatch_uid="live-rights")
