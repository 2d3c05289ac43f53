"""Who walks: every kind of person and of token, and what each may expect of a row of the tenant acme.

The world (`tests.edges.world`) makes them once per module; the tables (`matrix`, `pages`, `actions`) name the rules below.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

ANYBODY, VIEWER, MEMBER, OWNER, OPERATOR, ADMIN = 0, 1, 2, 3, 4, 5
READS = ("GET", "HEAD")


@dataclass(frozen=True)
class Person:
    """`rank`: in acme, as `Actor.rank_in`. `is_known`: logged in; the others get 401, or the login page."""

    name: str
    rank: int = 0
    is_staff: bool = False
    scope: str = "admin"
    is_known: bool = True


NOBODY = Person("nobody", is_known=False)
BOGUS = Person("bogus", is_known=False)
EXPIRED = Person("expired", is_known=False)
DISABLED = Person("disabled", is_known=False)
VIEWER_ = Person("viewer", rank=VIEWER)
MEMBER_ = Person("member", rank=MEMBER)
OWNER_ = Person("owner", rank=OWNER)
STRANGER = Person("stranger")
"""The owner of the other tenant."""
AUDITOR = Person("auditor", rank=VIEWER, is_staff=True)
OPERATOR_ = Person("operator", rank=OPERATOR, is_staff=True)
ADMIN_ = Person("admin", rank=ADMIN, is_staff=True)
READ_TOKEN = Person("read token", rank=OWNER, scope="read")
"""Of acme's owner."""
OPERATE_TOKEN = Person("operate token", rank=OPERATOR, is_staff=True, scope="operate")
"""Of an operator."""
NARROW_TOKEN = Person("narrow token")
"""Of an admin who owns both tenants; the token is for the other tenant only."""

SESSIONS = (NOBODY, BOGUS, EXPIRED, DISABLED, VIEWER_, MEMBER_, OWNER_, STRANGER, AUDITOR, OPERATOR_, ADMIN_)
TOKENS = (*SESSIONS, READ_TOKEN, OPERATE_TOKEN, NARROW_TOKEN)
FEW = (NOBODY, STRANGER, OWNER_, ADMIN_)
"""Where who asks makes little difference; all of them with KVMWEB_WALK_ALL=1."""
IS_WHOLE = bool(os.environ.get("KVMWEB_WALK_ALL"))


@dataclass(frozen=True)
class Rule:
    """`sees`: to whom the thing exists at all. `least`: the rank that may do it."""

    sees: str
    least: int = ANYBODY
    is_staffs: bool = False
    """For auditors too, who otherwise change nothing, and not for the tenant's own people."""


RULES = {
    "everybody": Rule("all"),
    "tenant reads": Rule("tenant", VIEWER),
    "tenant writes": Rule("tenant", MEMBER),
    "owner reads": Rule("tenant", OWNER),
    "owner writes": Rule("tenant", OWNER),
    "operators read": Rule("staff", VIEWER),
    "operators write": Rule("staff", OPERATOR),
    "jobs of the house": Rule("staff", MEMBER),
    "operators make": Rule("all", OPERATOR),
    "admins read": Rule("staff", ADMIN),
    "admins make": Rule("all", ADMIN),
    "admins write": Rule("tenant", ADMIN),
    "operators retry": Rule("tenant", OPERATOR),
    "nobody else": Rule("nobody"),
    "staff views": Rule("tenant", VIEWER, is_staffs=True),
    "public": Rule("world"),
}
"""What rows of the tables may say. "nobody else": a row of one person, shown to no other. "public": without a login too."""

REFUSED, HIDDEN, UNKNOWN, DONE = 403, 404, 401, 2


ABOUT_PEOPLE = ("tenants/", "users/", "invitations/")
"""What a token of scope operate does not change."""


def wanted(person: Person, rule_name: str, method: str, route: str = "") -> int:
    """401, 404, 403, or 2 for any 2xx (pages: also a redirect that is not to the login)."""
    rule = RULES[rule_name]
    if rule.sees == "world":
        return DONE
    if not person.is_known:
        return UNKNOWN
    sees = {"all": True, "tenant": person.is_staff or person.rank > 0, "staff": person.is_staff, "nobody": False}[rule.sees]
    if not sees:
        return HIDDEN
    if method not in READS and person.scope != "admin":
        is_beyond = rule.least >= OPERATOR or route.startswith(ABOUT_PEOPLE)
        if person.scope == "read" or is_beyond:
            return REFUSED
    return DONE if person.rank >= rule.least and (person.is_staff or not rule.is_staffs) else REFUSED
