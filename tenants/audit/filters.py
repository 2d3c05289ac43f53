"""A filter from the query of a page, and the chips that show it. The state is in the URL, so that a view can be shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from kvmweb.errors import InvalidInput
from tenants.audit.reading import AuditFilter

PERIODS = {"1h": ("Last hour", timedelta(hours=1)), "24h": ("24 hours", timedelta(days=1)), "7d": ("7 days", timedelta(days=7))}
NOUNS = (
    ("", "Anything"),
    ("guest.", "Guests"),
    ("console.", "Consoles"),
    ("login", "Logins"),
    ("account.", "Accounts"),
    ("tenant.", "Tenants and members"),
    ("token.", "API tokens"),
    ("image.", "Images"),
    ("volume.", "Volumes"),
    ("network.", "Networks"),
    ("host.", "Hosts"),
    ("job.", "Jobs"),
    ("quota.", "Quotas"),
    ("user.", "Users"),
    ("admin.", "Administration"),
    ("audit.", "This trail"),
)
REMOVABLE = ("actor", "operation", "tenant", "target", "job", "request", "since", "until")
LONGEST = 200


def filter_of(query: Mapping[str, str]) -> AuditFilter:
    """Raises InvalidInput for a time nobody can read."""
    given = {field.name: query.get(field.name, "").strip()[:LONGEST].replace("\0", "") for field in fields(AuditFilter)}
    since, until = moment_of(given.pop("since"), "since"), moment_of(given.pop("until"), "until")
    period = PERIODS.get(query.get("period", ""))
    return AuditFilter(**given, since=timezone.now() - period[1] if period else since, until=until)


def moment_of(text: str, name: str) -> datetime | None:
    """A day, or a time; in UTC when it does not say otherwise."""
    if not text:
        return None
    try:
        day = parse_date(text)
        found = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else parse_datetime(text)
        if found is not None:
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(fields={name: "Give a day such as 2030-01-31 or a time such as 2030-01-31T12:00:00Z."})


def chips_of(query: QueryDict, names: Mapping[str, str]) -> list[dict[str, str]]:
    """What narrows the list beside search, outcome and period: {"words", "query" without it}. `names`: id -> name, where known."""
    chips = []
    for name in REMOVABLE:
        value = query.get(name, "").strip()
        if not value or (name == "operation" and value in dict(NOUNS)):
            continue
        rest = query.copy()
        for gone in (name, "page"):
            rest.pop(gone, None)
        chips.append({"words": f"{_LABELS[name]} {names.get(value, value)[:60]}", "query": rest.urlencode()})
    return chips


_LABELS = {
    "actor": "By",
    "operation": "Only",
    "tenant": "Tenant",
    "target": "About",
    "job": "Job",
    "request": "Request",
    "since": "From",
    "until": "Until",
}


def as_details(wanted: AuditFilter) -> dict[str, str]:
    """For the record of an export."""
    return {field.name: str(value) for field in fields(wanted) if (value := getattr(wanted, field.name))}
