"""Bad input at every door: an answer that says so, never a defect, and nothing that breaks out of its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from guests.models import Guest
from tenants.models import Tenant, User
from tests.edges.asking import ROUTE_PARAMETER, ask_page, body_of
from tests.edges.fuzz import WANTED
from tests.edges.matrix import MATRIX, Row
from tests.edges.pages import PAGES
from tests.edges.people import ADMIN_, OWNER_
from tests.edges.test_page_matrix import header_faults
from tests.edges.watching import undone
from tests.edges.world import World

pytestmark = pytest.mark.django_db
NASTY = (
    "\0",
    "a\0b",
    "%00",
    "'\"><script>alert(1)</script>",
    "{{7*7}}${7*7}",
    "' OR 1=1 --",
    "%' LIKE '%",
    "\\",
    "9" * 400,
    "-1",
    "1e999",
    "NaN",
    "\ud800",
    "\u202eabc",
    "é" * 5000,
    "[]",
    "../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "\r\nSet-Cookie: x=1",
    "eyJhIjoxfQ",
    "WzEsIjEiLCIxIl0",
    "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTksOTk5OTk5OTk5OTk5OTk5OTk5OTksIjEiXQ",
    "WzAsIlx1MDAwMCIsIlx1MDAwMCJd",
)


def some(route: str) -> tuple[str, ...]:
    """Five of them, others for each route; all of them when script/fuzz runs."""
    start = sum(route.encode()) % len(NASTY)
    return NASTY if WANTED else (*NASTY, *NASTY)[start : start + 5]


NAMES = (
    "search",
    "q",
    "page",
    "tab",
    "state",
    "ordering",
    "tenant",
    "host",
    "image",
    "tag",
    "os",
    "problems",
    "kind",
    "mode",
    "outcome",
    "operation",
    "actor",
    "target",
    "job",
    "from",
    "to",
    "role",
    "next",
    "user",
)


def escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("route", [route for (method, route), row in PAGES.items() if method == "GET"])
def test_a_page_with_a_nasty_query_is_still_a_page(route: str, world: World) -> None:
    row = PAGES[("GET", route)]
    wrong = []
    for text in some(route):
        with undone() as seen:
            ids = world.prepare(row)
            seen.written.clear()
            query = "&".join(f"{name}={escaped(text)}" for name in NAMES)
            answer = ask_page(world, ADMIN_, "GET", route, Row(row.rule, query=query.replace("$", "%24")), ids)
        if answer.status_code >= 500 and row.but.get("*") != answer.status_code:
            wrong.append(f"{text[:40]!r}: {answer.status_code}")
        if "<script>alert" in answer.content.decode() or "Set-Cookie" in answer.headers.get("Location", ""):
            wrong.append(f"{text[:40]!r} breaks out")
        if seen.touched:
            wrong.append(f"{text[:40]!r}: wrote into {seen.touched}")
        wrong += [f"{text[:40]!r}: {fault}" for fault in header_faults(answer)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("route", [route for method, route in PAGES if method == "GET" and ROUTE_PARAMETER.search(route)])
def test_a_page_with_a_nasty_path_is_missing(route: str, world: World) -> None:
    for text in some(route):
        for name in ROUTE_PARAMETER.findall(route):
            with undone():
                path = "/" + ROUTE_PARAMETER.sub(lambda found: escaped(text) if found[1] == name else world.acme[found[1]], route)  # noqa: B023
                answer = world.browser(ADMIN_).get(path)
            assert answer.status_code in (200, 302, 400, 404), (path[:80], answer.status_code)
            assert "<script>alert" not in answer.content.decode()


POSTS = [(route, row) for (method, route), row in PAGES.items() if method == "POST"]


@pytest.mark.parametrize(("route", "row"), POSTS, ids=[route for route, _ in POSTS])
def test_a_form_with_nasty_values_is_refused_or_taken_as_text(route: str, row: Row, world: World) -> None:
    wrong = []
    for person in (OWNER_, ADMIN_):
        for text in some(route + person.name):
            fields = {**dict.fromkeys(NAMES, text), **dict.fromkeys(body_of(row, world.acme), text)}
            with undone():
                ids = world.prepare(row)
                url = "/" + ROUTE_PARAMETER.sub(lambda found: ids[found[1]], route)  # noqa: B023
                body = "&".join(f"{name}={escaped(value)}" for name, value in fields.items())
                answer = world.browser(person).post(url, body, content_type="application/x-www-form-urlencoded")
            if answer.status_code >= 500:
                wrong.append(f"{person.name} {text[:40]!r}: {answer.status_code}")
            if "<script>alert" in answer.content.decode():
                wrong.append(f"{person.name} {text[:40]!r} breaks out")
    assert not wrong, "\n".join(wrong)


BODIES = [(method, route) for (method, route), row in MATRIX.items() if row.body]


@pytest.mark.parametrize(("method", "route"), BODIES)
def test_a_body_with_nasty_values_is_refused_or_taken_as_text(method: str, route: str, world: World) -> None:
    row = MATRIX[(method, route)]
    values: tuple[Any, ...] = (
        *NASTY,
        2**63,
        2**64,
        -(2**70),
        1e308,
        0.1,
        True,
        None,
        [],
        {},
        [[]],
        ["x"] * 5000,
        {"a": {"b": {}}},
        "x" * 100_000,
    )
    wrong = []
    for name in row.body:
        for value in values:
            if isinstance(value, str) and "\ud800" in value:
                continue
            with undone():
                ids = world.prepare(row)
                url = "/api/v1/" + ROUTE_PARAMETER.sub(lambda found: ids[found[1]], route)  # noqa: B023
                body = json.dumps({**body_of(row, ids), name: value})
                answer = world.api(ADMIN_).generic(method, url, body, content_type="application/json")
            if answer.status_code >= 500:
                wrong.append(f"{name}={str(value)[:40]!r}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"NaN",
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": "a", "name": "b"}',
        b"\xef\xbb\xbf{}",
        b"1" * 10_000,
        b"null",
        b'"x"',
    ],
)
def test_json_that_is_none_or_not_ours(body: bytes, world: World) -> None:
    with undone() as seen:
        answer = world.api(OWNER_).generic("POST", "/api/v1/guests/", body, content_type="application/json")
    assert answer.status_code == 400
    assert not seen.touched


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Request-ID": "a" * 5000},
        {"If-Match": "9" * 400},
        {"Idempotency-Key": "\t"},
        {"Accept": "x/" * 999},
        {"Authorization": "Token " + "é" * 500},
    ],
)
def test_headers(headers: dict[str, str], world: World) -> None:
    with undone():
        answer = world.api(OWNER_).get("/api/v1/guests/", headers=headers)
    assert answer.status_code in (200, 400, 401, 406)
    assert len(answer["X-Request-ID"]) <= 64


# -- text goes out as text ------------------------------------------------------------------------------------------------------------
MARKS = "<b>&\"'\u202e\u200b=cmd"


def test_text_with_markup_and_direction_marks_is_shown_escaped(
    tenant: Tenant, owner: User, make_guest: Callable[..., Guest], client_for: Callable[[User], Any], api_for: Callable[..., APIClient]
) -> None:
    """Free text is in descriptions only; there it is kept as it was sent, and shown escaped."""
    guest = make_guest("web-1", description=MARKS, tags=[MARKS[:20]])
    page = client_for(owner).get(f"/guests/{guest.pk}/").content.decode()
    assert MARKS not in page
    assert "&lt;b&gt;&amp;" in page
    answer = api_for(owner).patch(f"/api/v1/guests/{guest.pk}/", {"name": "web\u202e1"})
    assert answer.status_code == 400
    assert re.search("a-z, 0-9", answer.json()["error"]["message"])
