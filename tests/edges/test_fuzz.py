"""What a machine makes up, asked by people of acme and by another tenant's owner: no 500, nothing foreign shown or changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.edges.fuzz import Findings, fuzz, operations, share
from tests.edges.people import MEMBER_, STRANGER, VIEWER_, Person
from tests.edges.world import World

pytestmark = pytest.mark.django_db
OPERATIONS = operations()


@pytest.fixture(scope="module")
def counted() -> Iterator[Findings]:
    total = Findings()
    yield total
    print(f"\n{total.asked} made-up requests, answered with {dict(sorted(total.statuses.items()))}")


@pytest.mark.parametrize("person", [VIEWER_, STRANGER, MEMBER_], ids=lambda person: person.name)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_made_up_requests(operation: Any, person: Person, world: World, counted: Findings) -> None:
    findings = fuzz(world, person, operation, share(len(OPERATIONS)))
    counted.asked += findings.asked
    counted.statuses += Counter(findings.statuses)
    assert not findings.faults, "\n".join(findings.faults[:5])
