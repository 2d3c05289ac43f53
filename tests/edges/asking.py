"""One step of the walk: this person, this method, this route, acme's ids; then the same with ids that do not exist."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

from django.http import HttpResponse

from tests.edges.matrix import Row
from tests.edges.people import READS, Person
from tests.edges.world import Ids, World

VARIES = ("X-Request-ID", "Content-Length", "Set-Cookie", "Content-Security-Policy", "Content-Disposition")
"""Headers that differ between two answers anyway: each has its own id, pages their own nonce, exports a time in their name."""
ROUTE_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def fill(text: str, ids: Ids) -> str:
    return re.sub(r"\$(\w+)", lambda found: ids[found[1]], text)


def url_of(prefix: str, route: str, row: Row, ids: Ids) -> str:
    path = prefix + ROUTE_PARAMETER.sub(lambda found: ids[found[1]], route)
    return f"{path}?{fill(row.query, ids)}" if row.query else path


def body_of(row: Row, ids: Ids) -> dict[str, Any]:
    filled: dict[str, Any] = json.loads(fill(json.dumps(row.body), ids))
    return filled


def missing_ids(ids: Ids) -> Ids:
    """Ids of nothing, in the form of those that are something."""
    return {name: str(uuid4()) if len(value) == 36 else "9" * 9 if value.isdigit() else "no-such-thing" for name, value in ids.items()}


def whole(answer: Any) -> Any:
    """A streamed answer, such as an export, as one that can be looked at twice."""
    if not answer.streaming:
        return answer
    return HttpResponse(answer.getvalue(), status=answer.status_code, headers=dict(answer.items()))


def ask_rest(world: World, person: Person, method: str, route: str, row: Row, ids: Ids) -> Any:
    url = url_of("/api/v1/", route, row, ids)
    api = world.api(person)
    if method in (*READS, "OPTIONS"):
        return whole(getattr(api, method.lower())(url))
    return getattr(api, method.lower())(url, body_of(row, ids), format="json")


def ask_page(world: World, person: Person, method: str, route: str, row: Row, ids: Ids, *, is_fragment: bool = False) -> Any:
    url = url_of("/", route, row, ids)
    browser = world.browser(person)
    headers = {"HX-Request": "true"} if is_fragment else {}
    if method in (*READS, "OPTIONS"):
        return whole(getattr(browser, method.lower())(url, headers=headers))
    if method == "POST":
        return browser.post(url, body_of(row, ids), headers=headers)
    return getattr(browser, method.lower())(url, "", headers=headers)


def shape_of(answer: Any, *ids: Ids) -> tuple[int, str, dict[str, str]]:
    """What may tell one refusal from another: status, body and headers, without the reference, the nonce, and the ids asked for."""
    text = answer.content.decode()
    text = text.replace(answer.headers.get("X-Request-ID", "\0"), "REFERENCE")
    for asked in ids:
        for value in asked.values():
            text = text.replace(value, "ASKED") if len(value) >= 8 else text
    text = re.sub(r'(nonce|csrfmiddlewaretoken" value|csrf-token" content)="[^"]*"', r'\1="X"', text)
    text = re.sub(r'"X-CSRFToken": "\w+"', "", text)
    return answer.status_code, text, {name: value for name, value in answer.headers.items() if name not in VARIES}
