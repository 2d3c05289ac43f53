"""Whether a console may be, or stay, open: asked once when its ticket is redeemed and every few seconds while it is open.

One set of queries answers for all consoles of a process. Deciding lives here; closing in `watch` and `relay`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from console import closing, tickets
from console.closing import Closing
from console.models import ConsoleMode, ConsoleSession
from guests.models import Guest
from kvmweb.errors import NotAllowed, NotFound
from tenants import gate
from tenants.actor import Actor, actor_for
from tenants.models import ApiToken, User
from tenants.sessions import actor_of_session

USER_COLUMNS = ("user__username", "user__password", "user__is_active", "user__system_role")
# Named columns, and built once: reading all hundred of three tables costs half a millisecond a row.
WITH_WHAT_DECIDES = ConsoleSession.objects.select_related("user", "guest").only(
    "revoked_at", "is_kicked", "closed_at", *USER_COLUMNS, "guest__name", "guest__tenant"
)
OPERATION_OF_MODE = {ConsoleMode.CONTROL: "console.open", ConsoleMode.VIEW: "console.view"}


@dataclass(frozen=True, slots=True)
class Login:
    """How the holder of a console logged in.

    A session is checked by its key where the socket showed the cookie. A gateway under another host name is sent no cookie: there the
    logout itself revokes the session's consoles (`receivers`), and a changed password shows in `auth_hash`.
    """

    session_key: str = field(default="", repr=False)
    token_digest: str = field(default="", repr=False)
    auth_hash: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    session_id: UUID
    user_id: UUID
    mode: str
    login: Login


def login_of(user: User, *, login_hash: str, session_key: str) -> Login | None:
    """None when the socket's cookie belongs to another login than the ticket. Tickets of API tokens need no cookie and ignore one."""
    if session_key and tickets.hash_of(session_key) == login_hash:
        return Login(session_key=session_key, auth_hash=user.get_session_auth_hash())
    for digest in ApiToken.objects.filter(user=user).values_list("digest", flat=True):
        if tickets.hash_of(digest) == login_hash:
            return Login(token_digest=digest)
    return None if session_key else Login(auth_hash=user.get_session_auth_hash())


def lost_rights(grants: Iterable[Grant]) -> dict[UUID, Closing]:
    """session id -> why it must close now. Sessions that may stay open are not in it."""
    grants = list(grants)
    logins = LiveLogins(grant.login for grant in grants)
    rows = WITH_WHAT_DECIDES.in_bulk([grant.session_id for grant in grants])
    lost = {}
    for grant in grants:
        row = rows.get(grant.session_id)
        if row is None:
            # Rows go with their guest; nothing else deletes them.
            lost[grant.session_id] = closing.GONE
        elif row.closed_at is not None:
            # This process was away for so long that it was taken for dead.
            lost[grant.session_id] = closing.ENDED
        elif row.revoked_at is not None:
            lost[grant.session_id] = closing.KICKED if row.is_kicked else closing.LOGGED_OUT
        elif reason := logins.why_not(grant.login, user=row.user, guest=row.guest, mode=grant.mode):
            lost[grant.session_id] = reason
    return lost


class LiveLogins:
    """Which of these logins still stand, and what their holders may do. Actors are made once per login."""

    def __init__(self, logins: Iterable[Login], *, sessions: set[str] | None = None) -> None:
        """`sessions`: the keys that are alive, where the caller asked already."""
        logins = set(logins)
        now = timezone.now()
        keys = {login.session_key for login in logins} - {""}
        digests = {login.token_digest for login in logins} - {""}
        self._data: dict[str, str] = {}
        if sessions is None:
            # With their data: whom somebody views the pages as is kept there.
            alive = Session.objects.filter(session_key__in=keys, expire_date__gt=now)
            self._data = dict(alive.values_list("session_key", "session_data"))
        self._sessions = set(self._data) if sessions is None else sessions
        unexpired = Q(expiry__isnull=True) | Q(expiry__gt=now)
        self._tokens = {token.digest: token for token in ApiToken.objects.filter(unexpired, digest__in=digests)} if digests else {}
        self._actors: dict[tuple[UUID, str], Actor] = {}

    def is_alive(self, login: Login, user: User) -> bool:
        if not user.is_active:
            return False
        if login.token_digest:
            return login.token_digest in self._tokens
        is_kept = not login.session_key or login.session_key in self._sessions
        return is_kept and login.auth_hash == user.get_session_auth_hash()

    def why_not(self, login: Login, *, user: User, guest: Guest, mode: str) -> Closing | None:
        if not self.is_alive(login, user):
            return closing.LOGGED_OUT
        try:
            gate.check(self.actor(login, user), OPERATION_OF_MODE[ConsoleMode(mode)], guest)
        except NotFound:
            return closing.GONE
        except NotAllowed:
            return closing.RIGHT_LOST
        return None

    def actor(self, login: Login, user: User) -> Actor:
        data = self._data.get(login.session_key, "")
        key = (user.pk, login.token_digest or data)
        if key not in self._actors:
            token = self._tokens.get(login.token_digest)
            if token:
                self._actors[key] = actor_for(user, scope=token.scope, only_tenant=token.tenant_id)
            else:
                self._actors[key] = actor_of_session(user, SessionStore().decode(data)) if data else actor_for(user)
        return self._actors[key]
