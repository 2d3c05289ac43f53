"""Keyset paging for pages: the cost of page 200 is that of page 1. REST has its own in `kvmweb.rest.pagination`, on the same idea."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from kvmweb.errors import InvalidInput

R = TypeVar("R")
"""A model's row, or a dict of its columns with its id."""
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """`next`, `previous`: cursors for the `page` parameter, empty where there is none."""

    rows: list[R]
    next: str = ""
    previous: str = ""


def page_of(
    queryset: QuerySet[Any, Any], cursor: str, *, size: int = PAGE_SIZE, read: Callable[[QuerySet[Any, Any]], Iterable[Any]] = iter
) -> Page[Any]:
    """`queryset` is ordered by one column and then, in the same direction, by its id. `read`: what to read of the rows of the page."""
    order = [str(name) for name in queryset.query.order_by]
    column, descending = order[0].removeprefix("-"), order[0].startswith("-")
    if not cursor:
        rows = list(read(first_of(queryset, size + 1)))
        return _page(rows[:size], column, has_next=len(rows) > size, has_previous=False)
    backwards, value, row_id = _read(cursor)
    comparison = "lt" if descending != backwards else "gt"
    try:
        # The first condition alone bounds the index range; the second cuts off the ties already shown.
        queryset = queryset.filter(
            Q(**{f"{column}__{comparison}e": value}), Q(**{f"{column}__{comparison}": value}) | Q(**{f"pk__{comparison}": row_id})
        )
        rows = list(read(first_of(queryset.reverse() if backwards else queryset, size + 1)))
    except (ValueError, TypeError, ValidationError) as error:
        raise _broken() from error
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        return _page(rows[::-1], column, has_next=True, has_previous=more)
    return _page(rows, column, has_next=more, has_previous=True)


def first_of(rows: QuerySet[Any, Any], count: int) -> QuerySet[Any, Any]:
    """The first `count` rows. Which ones is found out with their ids alone, and only those are read whole.

    Where the database has to sort it would else drag every column of every row, and of all that is joined, through the sort: 8 ms instead
    of 1.5 for 10,000 guests. And with joins in the query that orders, SQLite may begin at a joined table, and then it has to sort: choose
    columns of other tables afterwards.
    """
    return rows.filter(pk__in=rows.values("pk")[:count])


def _page(rows: list[R], column: str, *, has_next: bool, has_previous: bool) -> Page[R]:
    if not rows:
        return Page([])
    return Page(
        rows,
        next=_write(rows[-1], column, backwards=False) if has_next else "",
        previous=_write(rows[0], column, backwards=True) if has_previous else "",
    )


def _write(row: Any, column: str, *, backwards: bool) -> str:
    value, row_id = (row[column], row["id"]) if isinstance(row, dict) else (getattr(row, column), row.pk)
    text = json.dumps([int(backwards), value if isinstance(value, int | float | str) else str(value), str(row_id)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[bool, Any, str]:
    try:
        backwards, value, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise _broken() from error
    if not isinstance(value, int | float | str) or not isinstance(row_id, str):
        raise _broken()
    return bool(backwards), value, row_id


def _broken() -> InvalidInput:
    return InvalidInput("This link to a page of the list is broken.", hint="Open the list from its beginning.")
