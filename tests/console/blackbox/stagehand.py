"""Works on the product's database on behalf of a black-box test: one JSON line in, one out, so that the tests need no Django.

Started by `stage.Stage` with the product's environment; not imported by anything.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.utils import timezone  # noqa: E402

from console.models import ConsoleSession  # noqa: E402
from console.services import kick as kick_console  # noqa: E402
from console.services import open_console  # noqa: E402
from console.tickets import hash_of  # noqa: E402
from guests.live import touch  # noqa: E402
from guests.models import Guest  # noqa: E402
from hosts.models import Host  # noqa: E402
from tenants.actor import actor_for, system_actor  # noqa: E402
from tenants.models import ApiToken, AuditEntry, Membership, Tenant, User  # noqa: E402


def make_tenant() -> dict[str, Any]:
    tenant = Tenant.objects.create(name=f"t-{uuid4().hex[:8]}")
    return {"tenant": str(tenant.pk)}


def make_user(tenant: str, role: str) -> dict[str, Any]:
    user = User.objects.create_user(f"u-{uuid4().hex[:8]}", password=None)
    Membership.objects.create(tenant_id=tenant, user=user, role=role)
    return {"user": str(user.pk)}


def log_in(user: str) -> dict[str, Any]:
    found = User.objects.get(pk=user)
    session = SessionStore()
    session[SESSION_KEY] = str(found.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = found.get_session_auth_hash()
    session.create()
    return {"session_key": session.session_key}


def log_out(session_key: str) -> dict[str, Any]:
    from django.contrib.auth import logout
    from django.contrib.auth.models import AnonymousUser

    request = RequestFactory().get("/")
    request.session = SessionStore(session_key)
    request.user = User.objects.filter(pk=request.session.get(SESSION_KEY)).first() or AnonymousUser()
    logout(request)
    return {}


def make_token(user: str, scope: str) -> dict[str, Any]:
    token, _key = ApiToken.objects.create(user=User.objects.get(pk=user), name="test", scope=scope)
    return {"digest": token.digest}


def delete_token(digest: str) -> dict[str, Any]:
    ApiToken.objects.filter(digest=digest).delete()
    return {}


def expire_token(digest: str) -> dict[str, Any]:
    ApiToken.objects.filter(digest=digest).update(expiry=timezone.now() - timedelta(seconds=1))
    return {}


def end_session(session_key: str) -> dict[str, Any]:
    SessionStore(session_key).delete()
    return {}


def change_password(user: str) -> dict[str, Any]:
    found = User.objects.get(pk=user)
    found.set_password("another long password")
    found.save()
    return {}


def lose_membership(user: str) -> dict[str, Any]:
    Membership.objects.filter(user_id=user).delete()
    return {}


def close_tenant(tenant: str) -> dict[str, Any]:
    Tenant.objects.filter(pk=tenant).update(is_active=False)
    return {}


def kick(guest: str) -> dict[str, Any]:
    for session in ConsoleSession.objects.open().filter(guest_id=guest):
        kick_console(system_actor("test"), session)
    return {}


def make_guest(tenant: str) -> dict[str, Any]:
    host, _ = Host.objects.get_or_create(name="h1", defaults={"kind": "local", "state": "up"})
    name = f"g-{uuid4().hex[:8]}"
    guest = Guest.objects.create(name=name, domain_name=name, tenant_id=tenant, host=host, vcpus=1, memory_mib=128, state="running")
    return {"guest": str(guest.pk), "uuid": str(guest.uuid)}


def ticket(user: str, guest: str, kind: str, mode: str, session_key: str = "", digest: str = "") -> dict[str, Any]:
    login_hash = hash_of(digest or session_key or "no such login")
    opened = open_console(actor_for(User.objects.get(pk=user)), Guest.objects.get(pk=guest), kind=kind, mode=mode, login_hash=login_hash)
    return {"ticket": opened.ticket, "ws_path": opened.ws_path}


def expire(ticket: str) -> dict[str, Any]:
    ConsoleSession.objects.filter(ticket_hash=hash_of(ticket)).update(expires_at=timezone.now() - timedelta(seconds=1))
    return {}


def delete_guest(guest: str) -> dict[str, Any]:
    Guest.objects.filter(pk=guest).delete()
    return {}


def set_state(guest: str, state: str) -> dict[str, Any]:
    Guest.objects.filter(pk=guest).update(state=state)
    touch(UUID(guest))
    return {}


def hand_over(guest: str, tenant: str) -> dict[str, Any]:
    Guest.objects.filter(pk=guest).update(tenant_id=tenant)
    return {}


def set_role(user: str, role: str) -> dict[str, Any]:
    Membership.objects.filter(user_id=user).update(role=role)
    return {}


def disable(user: str) -> dict[str, Any]:
    User.objects.filter(pk=user).update(is_active=False)
    return {}


def sessions(guest: str) -> dict[str, Any]:
    rows = ConsoleSession.objects.filter(guest_id=guest)
    listed = set(ConsoleSession.objects.open().values_list("pk", flat=True))
    plain = ("mode", "close_reason", "to_viewer_bytes", "to_guest_bytes")
    return {
        "rows": [
            {**{name: getattr(row, name) for name in plain}, "is_closed": row.closed_at is not None, "is_listed": row.pk in listed}
            for row in rows
        ]
    }


def audit(guest: str) -> dict[str, Any]:
    return {"entries": list(AuditEntry.objects.filter(target_id=guest).order_by("id").values_list("operation", "outcome"))}


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    work.__name__: work
    for work in (
        set_state, make_tenant, make_user, log_in, log_out, make_token, delete_token, make_guest, ticket, expire, delete_guest, hand_over,
        set_role, disable, sessions, audit, expire_token, end_session, change_password, lose_membership, close_tenant, kick,
    )
}  # fmt: skip


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = COMMANDS[asked.pop("do")](**asked)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
