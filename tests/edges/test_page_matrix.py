"""Every page x every method x every kind of person, with another tenant's ids. A page without a row fails."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

from tests.edges.asking import ask_page, missing_ids, shape_of
from tests.edges.matrix import Row
from tests.edges.pages import PAGES
from tests.edges.people import (
    ADMIN_,
    DONE,
    FEW,
    HIDDEN,
    IS_WHOLE,
    NOBODY,
    OPERATOR_,
    OWNER_,
    READS,
    REFUSED,
    SESSIONS,
    UNKNOWN,
    Person,
    wanted,
)
from tests.edges.routes import ALL_METHODS, admin_routes, page_routes, plain
from tests.edges.test_rest_matrix import leaks
from tests.edges.watching import rows_of, undone
from tests.edges.world import World

pytestmark = pytest.mark.django_db

CASES = [pytest.param(method, route, row, id=f"{method} /{route}") for (method, route), row in PAGES.items()]
ROUTES = sorted({route for _, route in PAGES})
DIRECTIVES = ("default-src", "script-src", "style-src", "base-uri", "form-action")
FORM_VIEWS = ("account/", "login/", "password/")
"""allauth's: PUT is POST to Django's form views, and whether one must confirm who one is comes before the method."""


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    assert {*page_routes(), "api/v1/docs/"} == set(ROUTES)


@pytest.mark.parametrize(("method", "route", "row"), CASES)
def test_each_person_gets_what_the_matrix_says(method: str, route: str, row: Row, world: World) -> None:
    wrong = []
    for person in SESSIONS:
        # A refusal is told in another way to htmx; what it takes to be refused is the same.
        for is_fragment in (False, True) if method == "GET" or person in FEW or IS_WHOLE else (False,):
            as_what = "fragment" if is_fragment else "page"
            wrong += [f"{person.name}, {as_what}: {text}" for text in faults(world, person, method, route, row, is_fragment=is_fragment)]
    assert not wrong, "\n" + "\n".join(wrong)


def faults(world: World, person: Person, method: str, route: str, row: Row, *, is_fragment: bool) -> list[str]:
    expected = row.but.get(person.name) or row.but.get("known" if person.is_known else "") or row.but.get("*")
    expected = expected or wanted(person, row.rule, method)
    with undone() as seen:
        ids = world.prepare(row)
        seen.written.clear()
        answer = ask_page(world, person, method, route, row, ids, is_fragment=is_fragment)
        touched = seen.touched
        is_refused = answer.status_code >= 400 or is_to_login(answer)
        after = rows_of(touched) if is_refused or method in READS else {}
    found = [] if is_as(answer, expected) else [f"{answer.status_code} {answer.headers.get('Location', '')} instead of {expected}"]
    if after != rows_of(set(after)):
        found.append(f"{answer.status_code}, and yet something changed in {sorted(after)}")
    if method in READS and touched:
        found.append(f"a {method} wrote into {sorted(touched)}")
    found += leaks(person, answer, ids, row) + header_faults(answer)
    if expected == HIDDEN:
        nothing = missing_ids(ids)
        with undone():
            missing = ask_page(world, person, method, route, row, nothing, is_fragment=is_fragment)
        if shape_of(missing, nothing) != shape_of(answer, ids):
            found.append(f"foreign {shape_of(answer, ids)} is not missing {shape_of(missing, nothing)}")
    return found


def is_to_login(answer: Any) -> bool:
    return answer.status_code == 302 and answer.headers["Location"].startswith(settings.LOGIN_URL)


def is_as(answer: Any, expected: int) -> bool:
    """A form that names another's row, or one that this person may not choose, is refused with 422 like any other wrong choice."""
    if expected == DONE:
        return answer.status_code in (200, 204, 302, 422) and not is_to_login(answer)
    if expected == UNKNOWN:
        return is_to_login(answer)
    return answer.status_code == expected or (expected in (HIDDEN, REFUSED) and answer.status_code == 422)


def header_faults(answer: Any) -> list[str]:
    """What every answer of ours carries, also refusals and redirects."""
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers.get("Content-Security-Policy", "").split(";"))
    found = [
        f"no {name} in its policy" for name in ("default-src", "script-src", "style-src", "base-uri", "form-action") if name not in policy
    ]
    if any("unsafe" in value or "*" in value.split() or "http:" in value or "https:" in value.split() for value in policy.values()):
        found.append(f"a loose policy: {policy}")
    if policy.get("frame-ancestors") != "'none'" or answer.headers.get("X-Frame-Options") != "DENY":
        found.append("it can be framed")
    exact = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    found += [f"{name}: {answer.headers.get(name)}" for name, value in exact.items() if answer.headers.get(name) != value]
    if "Permissions-Policy" not in answer.headers:
        found.append("no Permissions-Policy")
    if answer.headers["Content-Type"].startswith("text/html"):
        text = answer.content.decode()
        inline = [
            tag for tag in re.findall(r"<script\b[^>]*>(?!</script>)", text) if not re.search(r"application/json|\snonce=|\ssrc=", tag)
        ]
        found += [f"inline script {tag}" for tag in inline]
        found += [f"inline handler or style {text}" for text in re.findall(r"<[^>]*\s(?:on[a-z]+|style)=[^>]*>", text)[:2]]
    return found


@pytest.mark.parametrize("route", ROUTES)
def test_methods_without_a_row_do_nothing(route: str, world: World) -> None:
    wrong = []
    with_row = {method for method, path in PAGES if path == route}
    for method in sorted(set(ALL_METHODS) - with_row - ({"HEAD"} if "GET" in with_row else set())):
        for person in SESSIONS if IS_WHOLE else FEW:
            row = Row("everybody")
            with undone() as seen:
                ids = world.prepare(row)
                seen.written.clear()
                answer = ask_page(world, person, method, route, row, ids)
            is_refused = (
                route.startswith(FORM_VIEWS)
                or answer.status_code in (403, 404, 405)
                or is_to_login(answer)
                or (method == "OPTIONS" and answer.status_code == 200)
            )
            if not is_refused or answer.status_code >= 500 or seen.touched:
                wrong.append(f"{method} by {person.name}: {answer.status_code}, wrote into {sorted(seen.touched)}")
            wrong += [f"{method} by {person.name}: {fault}" for fault in header_faults(answer)]
    assert not wrong, "\n" + "\n".join(wrong)


ADMIN = sorted(set(admin_routes()))


@pytest.mark.parametrize(("route", "name"), ADMIN, ids=[f"/{route}" for route, _ in ADMIN])
def test_the_administration_is_for_admins(route: str, name: str, world: World) -> None:
    """All others are sent away, whatever the method, and nothing happens. An admin's look changes nothing either."""
    row, wrong = Row("admins read"), []
    with undone():
        ids = {**world.acme, "object_id": object_id(name), "app_label": "tenants", "content_type_id": "1", "url": "x"}
        ids["id"] = ids["object_id"]
    for person in SESSIONS if IS_WHOLE else (NOBODY, OWNER_, OPERATOR_, ADMIN_):
        for method in ("GET", "POST") if person != ADMIN_ else ("GET",):
            with undone() as seen:
                answer = ask_page(world, person, method, plain(route), row, ids)
            if person == ADMIN_:
                is_right = answer.status_code in (200, 302, 403, 404, 405)
            else:
                is_right = answer.status_code in (302, 403, 404, 405) and "qzacme7" not in answer.content.decode()
            if not is_right or seen.touched:
                wrong.append(f"{method} by {person.name}: {answer.status_code}, wrote into {sorted(seen.written)}")
            wrong += [f"{method} by {person.name}: {fault}" for fault in header_faults(answer)]
    assert not wrong, "\n" + "\n".join(wrong)


def object_id(name: str) -> str:
    """The key of one row of the model whose admin page `name` is, such as tenants_user_change."""
    app_label, _, rest = name.partition("_")
    found: list[type[models.Model]] = [model for model in apps.get_models() if rest.startswith(f"{model._meta.model_name}_")]
    for model in found:
        if model._meta.app_label == app_label and (row := model._default_manager.first()):
            return str(row.pk)
    return "0"
