"""Which exceptions mean that the database cannot be asked: it is away, a table cannot be read, a transaction is lost. Then it is 503."""

from __future__ import annotations

import logging

from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError

from kvmweb.errors import Unavailable

logger = logging.getLogger(__name__)

UNREADABLE = ("42P01", "42501", "25P02")
"""PostgreSQL: no such table, no permission, the transaction is broken already."""


def outage_of(error: BaseException | None) -> Unavailable | None:
    """The error to show, or None when it is something else. Logged here: its text names tables and addresses."""
    is_outage = isinstance(error, OperationalError | InterfaceError) or (
        isinstance(error, ProgrammingError | InternalError) and getattr(error.__cause__, "sqlstate", "") in UNREADABLE
    )
    if not is_outage:
        return None
    logger.error("The database cannot be asked: %s", error)
    return Unavailable("The database does not answer.", hint="Try again in a few seconds.")
