"""Keyset paging: {"results", "next", "previous"}, as fast on the last page as on the first.

DRF's CursorPagination falls back to offsets where many rows share a value (all guests are "running"); here the id breaks every tie.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from kvmweb.errors import InvalidInput
from kvmweb.paging import first_of
from kvmweb.rest.fields import StrictSerializer

PAGE_SIZE, LARGEST_PAGE = 50, 200

Columns = tuple[str, ...]
Orderings = Mapping[str, Columns]
"""What `?ordering=` may be -> the columns, all in one direction, none of them ever null, ending in the unique one."""


class PageQuery(StrictSerializer):
    """Query parameters every list takes. Subclasses add filters, `search` and an `ordering` made by `ordering_field`."""

    page_size = serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE, default=PAGE_SIZE)
    cursor = serializers.CharField(max_length=1000, required=False, help_text="From `next` or `previous` of a page.")


def search_field() -> serializers.CharField:
    return serializers.CharField(max_length=100, required=False, allow_blank=True, help_text="Words the row must contain.")


def ordering_field(orderings: Iterable[str], default: str) -> serializers.ChoiceField:
    names = sorted(orderings, key=lambda name: (name.lstrip("-"), name.startswith("-")))
    plain = ", ".join(name for name in names if not name.startswith("-"))
    message = f"Order by one of {plain}, with - in front for descending."
    return serializers.ChoiceField(choices=names, default=default, error_messages={"invalid_choice": message})


def both_ways(orderings: Mapping[str, Columns]) -> dict[str, Columns]:
    """Each ordering and its opposite, named with a - in front."""
    down = {f"-{name}": tuple(f"-{column}" for column in columns) for name, columns in orderings.items()}
    return {**orderings, **down}


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Any]
    next: str | None
    previous: str | None

    def answer(self, results: list[Any]) -> dict[str, Any]:
        return {"results": results, "next": self.next, "previous": self.previous}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after (or, backwards, before) the row with these values of the ordering's columns."""

    values: list[Any]
    is_backwards: bool

    def encode(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.values, self.is_backwards], default=str)).decode()


def decode_place(cursor: str, columns: int) -> Place:
    try:
        values, is_backwards = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError, binascii.Error) as error:
        raise bad_cursor() from error
    is_plain = isinstance(values, list) and len(values) == columns and all(isinstance(value, str | int | float) for value in values)
    if not is_plain or any(isinstance(value, str) and "\0" in value for value in values):
        raise bad_cursor()
    return Place(values, bool(is_backwards))


def bad_cursor() -> InvalidInput:
    return InvalidInput(fields={"cursor": "This is not a cursor of this list. Begin again at its first page."})


def keyset_page(queryset: QuerySet[Any], request: Request, query: Mapping[str, Any]) -> Page:
    """One query of `queryset`, which is ordered as `Orderings` says. `query` is a validated PageQuery."""
    order = [str(column) for column in queryset.query.order_by]
    columns, is_descending = [column.lstrip("-") for column in order], order[0].startswith("-")
    place = decode_place(query["cursor"], len(columns)) if query.get("cursor") else None
    is_backwards = place is not None and place.is_backwards
    down = is_descending != is_backwards
    if place is not None:
        queryset = _beyond(queryset, columns, place.values, direction="lt" if down else "gt")
    size = query["page_size"]
    try:
        rows = list(first_of(queryset.order_by(*(f"-{column}" if down else column for column in columns)), size + 1))
    except OverflowError as error:
        raise bad_cursor() from error
    has_more, rows = len(rows) > size, rows[:size]
    if is_backwards:
        rows.reverse()
    has_next, has_previous = (True, has_more) if is_backwards else (has_more, place is not None)
    return Page(
        rows,
        next=_link(request, rows[-1], columns, is_backwards=False) if rows and has_next else None,
        previous=_link(request, rows[0], columns, is_backwards=True) if rows and has_previous else None,
    )


def _beyond(queryset: QuerySet[Any], columns: list[str], values: list[Any], *, direction: str) -> QuerySet[Any]:
    """The rows after `values` in the order of `columns`."""
    condition = Q(**{f"{columns[-1]}__{direction}": values[-1]})
    for column, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        # "at or beyond" first is one range of the index; an OR alone makes SQLite sort everything.
        condition = Q(**{f"{column}__{direction}e": value}) & (Q(**{f"{column}__{direction}": value}) | condition)
    try:
        return queryset.filter(condition)
    except (ValidationError, ValueError, TypeError, OverflowError) as error:
        raise bad_cursor() from error


def _link(request: Request, row: Model, columns: list[str], *, is_backwards: bool) -> str:
    values = [attrgetter(column.replace("__", "."))(row) for column in columns]
    return replace_query_param(request.build_absolute_uri(), "cursor", Place(values, is_backwards).encode())
