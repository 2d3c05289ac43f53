"""Every REST route x every method x every kind of person and token, with another tenant's ids. A route without a row fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.edges.asking import ask_rest, missing_ids, shape_of
from tests.edges.matrix import MATRIX, Row
from tests.edges.people import DONE, FEW, HIDDEN, IS_WHOLE, READ_TOKEN, READS, TOKENS, UNKNOWN, Person, wanted
from tests.edges.routes import ALL_METHODS, rest_routes
from tests.edges.watching import rows_of, undone
from tests.edges.world import CANARY, STAFF_CANARY, World

pytestmark = pytest.mark.django_db

CASES = [pytest.param(method, route, row, id=f"{method} {route}") for (method, route), row in MATRIX.items()]
ROUTES = sorted({route for _, route in MATRIX})


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(rest_routes()) == set(MATRIX)


@pytest.mark.parametrize(("method", "route", "row"), CASES)
def test_each_person_gets_what_the_matrix_says(method: str, route: str, row: Row, world: World) -> None:
    wrong = []
    for person in TOKENS:
        wrong += [f"{person.name}: {sentence}" for sentence in faults(world, person, method, route, row)]
    assert not wrong, "\n" + "\n".join(wrong)


def faults(world: World, person: Person, method: str, route: str, row: Row) -> list[str]:
    expected = row.but.get(person.name, wanted(person, row.rule, method, route))
    with undone() as seen:
        ids = world.prepare(row)
        seen.written.clear()
        seen.queries = 0
        answer = ask_rest(world, person, method, route, row, ids)
        queries, refused = seen.queries, answer.status_code >= 400
        after = rows_of(seen.touched) if refused or method in READS else {}
    found = list(status_faults(answer, expected))
    if after != rows_of(set(after)):
        found.append(f"{answer.status_code}, and yet something changed in {sorted(after)}")
    if method in READS and seen.touched:
        found.append(f"a {method} wrote into {sorted(seen.touched)}")
    found += leaks(person, answer, ids, row)
    if expected == HIDDEN:
        found += differences_to_missing(world, person, method, route, row, ids, answer, queries)
    return found


def status_faults(answer: Any, expected: int) -> list[str]:
    is_right = 200 <= answer.status_code < 300 if expected == DONE else answer.status_code == expected
    return [] if is_right else [f"{answer.status_code} instead of {'2xx' if expected == DONE else expected}: {answer.content[:300]!r}"]


def leaks(person: Person, answer: Any, ids: dict[str, str], row: Row) -> list[str]:
    """Text of acme for those who are not in it, and text for operators for those who are none."""
    sent = str(row.body) + row.query
    # A search is shown again beside what it found.
    text = answer.content.decode().replace(ids["guest_name"], "") if "$guest_name" in sent else answer.content.decode()
    found = []
    if not person.is_staff:
        found += [f"shows {STAFF_CANARY}: ...{around(text, STAFF_CANARY)}..."] if STAFF_CANARY in text else []
        if not person.rank:
            found += [f"shows {CANARY}: ...{around(text, CANARY)}..."] if CANARY in text else []
            shown = [name for name, pk in ids.items() if len(pk) == 36 and pk in text and f"${name}" not in sent]
            found += [f"shows {shown}"] if shown else []
    return found


def around(text: str, word: str) -> str:
    place = text.index(word)
    return text[max(0, place - 60) : place + 60]


def differences_to_missing(
    world: World, person: Person, method: str, route: str, row: Row, ids: dict[str, str], answer: Any, queries: int
) -> list[str]:
    """Foreign must look exactly like missing: status, body, headers, and the work it takes, which is what timing would show."""
    nothing = missing_ids(ids)
    with undone() as seen:
        missing = ask_rest(world, person, method, route, row, nothing)
        their_queries = seen.queries
    found = []
    if shape_of(missing, nothing) != shape_of(answer, ids):
        found.append(f"foreign {shape_of(answer, ids)} is not missing {shape_of(missing, nothing)}")
    if their_queries != queries:
        found.append(f"{queries} queries for foreign, {their_queries} for missing")
    return found


@pytest.mark.parametrize("route", ROUTES)
def test_methods_without_a_row_do_nothing(route: str, world: World) -> None:
    wrong = []
    for method in sorted(set(ALL_METHODS) - {method for method, path in MATRIX if path == route}):
        has_get = ("GET", route) in MATRIX
        if method == "HEAD" and has_get:
            continue
        for person in TOKENS if IS_WHOLE else (*FEW, READ_TOKEN):
            with undone() as seen:
                row = Row("everybody")
                answer = ask_rest(world, person, method, route, row, world.prepare(row))
                expected = 405 if person.is_known else UNKNOWN
            if answer.status_code != expected:
                wrong.append(f"{method} by {person.name}: {answer.status_code} instead of {expected}")
            if seen.touched - {"guests_guest", "jobs_job"}:
                wrong.append(f"{method} by {person.name} wrote into {sorted(seen.touched)}")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("route", [route for method, route in MATRIX if method == "GET"])
def test_head_is_get_without_a_body(route: str, world: World) -> None:
    row = MATRIX[("GET", route)]
    for person in TOKENS if IS_WHOLE else FEW:
        with undone():
            ids = world.prepare(row)
            get = ask_rest(world, person, "GET", route, row, ids)
        with undone() as seen:
            ids = world.prepare(row)
            seen.written.clear()
            head = ask_rest(world, person, "HEAD", route, row, ids)
        assert (head.status_code, head.content) == (get.status_code, b""), person.name
        assert not seen.touched, person.name
