"""Where somebody is logged in: listing, and ending for good, so that consoles and live pages opened from there close too.

allauth keeps a row beside each session (address, browser, last seen); the session's own row is Django's.
"""

from __future__ import annotations

import re

from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from tenants.models import User

BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"), ("curl", "curl"))
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def sessions_of(user: User) -> list[UserSession]:
    """Those that still stand, last used first."""
    rows = list(UserSession.objects.filter(user=user).order_by("-last_seen_at", "-pk"))
    alive = set(
        Session.objects.filter(session_key__in=[row.session_key for row in rows], expire_date__gt=timezone.now()).values_list(
            "session_key", flat=True
        )
    )
    return [row for row in rows if row.session_key in alive]


@transaction.atomic
def end_sessions(user: User, *, keep: str | None = None, only: int | None = None) -> int:
    """Delete the user's sessions: all, all but the one with key `keep`, or the one whose row is `only`. How many there were."""
    rows = UserSession.objects.filter(user=user)
    if keep:
        rows = rows.exclude(session_key=keep)
    if only is not None:
        rows = rows.filter(pk=only)
    keys = list(rows.values_list("session_key", flat=True))
    deleted = Session.objects.filter(session_key__in=keys).delete()[0]
    UserSession.objects.filter(session_key__in=keys).delete()
    return deleted


def forget_expired() -> None:
    """Sessions whose time is over, and rows beside sessions that are gone."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()


def device(user_agent: str) -> str:
    """What a person calls it: "Firefox on Linux"."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or re.sub(r"[^\x20-\x7e]", "", user_agent)[:40] or "Unknown browser"


def is_local(user: User) -> bool:
    """Its password is kept here. A password of ours would let in somebody whom the directory or the provider has let go."""
    if hasattr(user, "directory_account"):
        return False
    return user.has_usable_password() or not SocialAccount.objects.filter(user=user).exists()
