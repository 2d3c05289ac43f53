"""Every change by a browser's session needs the page's CSRF token, in REST and on pages; `next` and other redirects stay on the site."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.edges.asking import body_of, url_of
from tests.edges.matrix import MATRIX, Row
from tests.edges.pages import PAGES
from tests.edges.people import ADMIN_, OWNER_, READS
from tests.edges.watching import undone
from tests.edges.world import World

pytestmark = pytest.mark.django_db

CHANGES = [
    *(
        pytest.param("/api/v1/", method, route, row, id=f"REST {method} {route}")
        for (method, route), row in MATRIX.items()
        if method not in READS
    ),
    *(pytest.param("/", method, route, row, id=f"{method} /{route}") for (method, route), row in PAGES.items() if method not in READS),
]
AWAY = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "\tjavascript:alert(1)",
    "http://testserver@evil.example/",
    "//evil.example\\@testserver/",
    "https://testserver.evil.example/",
)


@pytest.mark.parametrize(("prefix", "method", "route", "row"), CHANGES)
def test_a_change_without_the_pages_token_is_refused(prefix: str, method: str, route: str, row: Row, world: World) -> None:
    for person in (OWNER_, ADMIN_):
        for headers in ({}, {"X-CSRFToken": "x" * 32}, {"Origin": "http://evil.example"}):
            with undone() as seen:
                ids = world.prepare(row)
                seen.written.clear()
                browser = world.browser(person, enforce_csrf_checks=True)
                answer = send(browser, method, url_of(prefix, route, row, ids), body_of(row, ids), headers, is_json=prefix != "/")
            assert answer.status_code == 403, (person.name, headers, answer.status_code)
            assert not seen.touched, person.name


def send(browser: Client, method: str, url: str, body: dict[str, Any], headers: dict[str, str], *, is_json: bool) -> Any:
    call = getattr(browser, method.lower())
    return call(url, body, headers=headers, content_type="application/json") if is_json else call(url, body, headers=headers)


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize(
    ("path", "parameter"), [("/login/", "next"), ("/admin/login/", "next"), ("/logout/", "next"), ("/tenants/choose/", "next")]
)
def test_next_stays_on_the_site(path: str, parameter: str, away: str, world: World) -> None:
    for person in (OWNER_, ADMIN_):
        for method in ("get", "post"):
            with undone():
                browser = world.browser(person)
                data = {parameter: away, "tenant": world.acme["tenant_id"]}
                answer = getattr(browser, method)(path, data, headers={"Referer": away})
                where = answer.headers.get("Location", "/") + answer.headers.get("HX-Redirect", "")
                if where.startswith(settings.LOGIN_URL):
                    where = browser.get(where).headers.get("Location", "/")
            assert where.startswith("/"), (person.name, method, where)
            assert not where.startswith(("//", "/\\")), (person.name, method, where)
