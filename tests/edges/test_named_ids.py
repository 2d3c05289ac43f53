"""Another tenant's ids in bodies, filters and below one's own rows. Where an id can be said comes from the OpenAPI document."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from kvmweb.rest.documentation import document
from tests.edges.asking import ROUTE_PARAMETER, ask_rest, body_of, missing_ids, shape_of
from tests.edges.matrix import MATRIX, Row
from tests.edges.people import NARROW_TOKEN, STRANGER
from tests.edges.test_rest_matrix import leaks
from tests.edges.watching import rows_of, undone
from tests.edges.world import CANARY, Ids, World

pytestmark = pytest.mark.django_db

Path = tuple[str | int, ...]
KINDS = ("guest", "volume", "job", "image", "network", "tenant", "host", "pool", "user", "session", "token")


def described(method: str, route: str) -> dict[str, Any]:
    path = "/api/v1/" + ROUTE_PARAMETER.sub(r"{\1}", route)
    found: dict[str, Any] = document()["paths"][path][method.lower()]
    return found


def ids_in(schema: dict[str, Any], path: Path = ()) -> Iterator[Path]:
    """Where a body of this schema holds ids; lists are shown by their first item."""
    if "$ref" in schema:
        yield from ids_in(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], path)
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from ids_in(part, path)
    for name, inner in schema.get("properties", {}).items():
        yield from ids_in(inner, (*path, name))
    if "items" in schema:
        yield from ids_in(schema["items"], (*path, 0))
    if schema.get("format") == "uuid":
        yield path


def bodies() -> Iterator[tuple[str, str, Path]]:
    for method, route in MATRIX:
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            content = described(method, route).get("requestBody", {}).get("content", {})
            for path in dict.fromkeys(ids_in(content.get("application/json", {}).get("schema", {}))):
                yield method, route, path


def with_id(body: dict[str, Any], path: Path, value: str) -> dict[str, Any]:
    """`body` with `value` at `path`, making the lists and objects on the way."""
    made = copy.deepcopy(body)
    place: Any = made
    for step, following in zip(path, [*path[1:], None], strict=True):
        new: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(place, list):
            place[:] = [place[0] if place and following is not None else new]
        elif following is None or not isinstance(place.get(step), type(new)):
            place[step] = new
        place = place[step]
    return made


BODIES = list(bodies())


def test_the_document_says_where_ids_can_be_said() -> None:
    assert ("POST", "guests/", ("source", "image")) in BODIES
    assert ("POST", "guests/bulk/", ("ids", 0)) in BODIES


@pytest.mark.parametrize(
    ("method", "route", "path"), BODIES, ids=lambda part: ".".join(map(str, part)) if isinstance(part, tuple) else part
)
def test_a_foreign_id_in_a_body_is_like_a_missing_one(method: str, route: str, path: Path, world: World) -> None:
    row = MATRIX[(method, route)]
    wrong = []
    for person in (STRANGER, NARROW_TOKEN):
        for kind in KINDS:
            foreign, missing = world.acme[f"{kind}_id"], str(uuid4())
            answers = []
            for asked in (foreign, missing):
                changed = Row(row.rule, with_id(body_of(row, world.globex), path, asked), row.guest_state, row.job_state, row.host)
                with undone() as seen:
                    world.prepare(row)
                    seen.written.clear()
                    answer = ask_rest(world, person, method, route, changed, world.globex)
                    after = rows_of(seen.touched) if answer.status_code >= 400 else {}
                if after != rows_of(set(after)):
                    wrong.append(f"{kind}: {answer.status_code}, and yet something changed in {sorted(after)}")
                answers.append(shape_of(answer, {"asked": asked}))
                if CANARY in answer.content.decode():
                    wrong.append(f"{kind}: shows {CANARY}: {answer.content[:500]!r}")
            if without_random(answers[0]) != without_random(answers[1]):
                wrong.append(f"{person.name}, {kind}: foreign {answers[0]} is not missing {answers[1]}")
    assert not wrong, "\n" + "\n".join(wrong)


def without_random(shape: tuple[int, str, dict[str, str]]) -> tuple[int, str, dict[str, str]]:
    """Ids, keys and times that a change made."""
    status, text, headers = shape
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,}|\d{4}-\d\d-\d\dT[\d:.]+Z", "X", text)
    return status, text, headers


def filters() -> Iterator[tuple[str, str]]:
    for method, route in MATRIX:
        if method == "GET":
            for parameter in described(method, route).get("parameters", ()):
                if parameter["in"] == "query" and parameter["schema"].get("type") == "string" and "enum" not in parameter["schema"]:
                    yield route, parameter["name"]


@pytest.mark.parametrize(("route", "name"), list(filters()))
def test_a_filter_finds_nothing_of_another_tenant(route: str, name: str, world: World) -> None:
    row = MATRIX[("GET", route)]
    values = [(world.acme[f"{kind}_id"], str(uuid4())) for kind in KINDS]
    values += [(world.acme["guest_name"], "qzother7-web"), (CANARY, "qzother7"), (world.acme["username"], "qzother7-owner")]
    wrong = []
    for person in (STRANGER, NARROW_TOKEN):
        looked_up: dict[int, Any] = {}
        for foreign, missing in values if person == STRANGER else values[:1]:
            answers = []
            for asked in (foreign, missing):
                # Ids of nothing all get the same answer, so one of them is asked for.
                if asked == missing and len(missing) in looked_up:
                    answers.append(looked_up[len(missing)])
                    continue
                with undone():
                    answer = ask_rest(world, person, "GET", route, Row(row.rule, query=f"{name}={asked}"), world.globex)
                answers.append(shape_of(answer, {"asked": asked}))
                sent = Row(row.rule, query=" ".join(f"${key}" for key in world.acme))
                wrong += [f"{asked}: {fault}" for fault in leaks(STRANGER, answer, world.acme, sent) if asked != foreign]
            looked_up[len(missing)] = answers[1]
            if answers[0] != answers[1]:
                wrong.append(f"{person.name}, {name}={foreign}: {answers[0]} is not {answers[1]}")
    assert not wrong, "\n" + "\n".join(wrong)


NESTED = [(method, route) for method, route in MATRIX if len(ROUTE_PARAMETER.findall(route)) > 1]


@pytest.mark.parametrize(("method", "route"), NESTED)
def test_a_child_below_a_foreign_parent_is_missing(method: str, route: str, world: World) -> None:
    """Own parent and foreign child, foreign parent and own child: both like ids of nothing."""
    row = MATRIX[(method, route)]
    names = ROUTE_PARAMETER.findall(route)
    nothing = missing_ids(world.globex)
    for foreign_one in names:
        mixed: Ids = {**world.globex, foreign_one: world.acme[foreign_one]}
        none: Ids = {**world.globex, foreign_one: nothing[foreign_one]}
        with undone() as seen:
            world.prepare(row)
            seen.written.clear()
            answer = ask_rest(world, STRANGER, method, route, row, mixed)
            after = rows_of(seen.touched)
        with undone():
            missing = ask_rest(world, STRANGER, method, route, row, none)
        assert shape_of(answer, mixed) == shape_of(missing, none)
        assert answer.status_code == 404
        assert after == rows_of(set(after))
