"""Requests that a machine makes up from the OpenAPI document, valid ones and invalid ones, with the ids of another tenant's rows put in.

`test_fuzz` asks a few of each; `script/fuzz 10000` asks that many and says how many were answered with what.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from schemathesis import GenerationMode
from schemathesis.core import NotSet

from console.models import ConsoleSession
from guests.models import Guest
from jobs.models import Job
from kvmweb.rest.documentation import document
from networks.models import Network
from storage.models import Image, Volume
from tenants.models import ApiToken, Membership, Quota, Tenant
from tests.edges.people import Person
from tests.edges.watching import undone
from tests.edges.world import CANARY, STAFF_CANARY, World

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)
SEED = int(os.environ.get("KVMWEB_FUZZ_SEED", "1"))
PEOPLE_ASKING = 3
WANTED = int(os.environ.get("KVMWEB_FUZZ_REQUESTS", "0"))
"""0: the short version of the test suite."""


@dataclass
class Findings:
    asked: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def operations() -> list[Any]:
    return [found.ok() for found in schemathesis.openapi.from_dict(document()).get_all_operations()]


def share(operation_count: int) -> int:
    """How many requests each person makes to each operation, half of them valid."""
    return max(2, -(-WANTED // (operation_count * PEOPLE_ASKING))) if WANTED else 2


def fuzz(world: World, person: Person, operation: Any, count: int) -> Findings:
    findings, before = Findings(), state_of_acme(world)
    chance = Random(f"{SEED} {person.name} {operation.label}")
    for mode in GenerationMode:
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except Exception:
            # Nothing invalid can be made where there are no parameters.
            continue

        @seed(SEED)
        @hypothesis_settings(
            max_examples=max(1, count // 2),
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def ask(case: Any) -> None:
            send(world, person, case, chance, findings, before)

        try:
            ask()
        except Exception as error:
            # Hypothesis could not make one: such as an invalid body of an operation without a body.
            if type(error).__module__.split(".")[0] not in ("hypothesis", "schemathesis"):
                raise
    return findings


def send(world: World, person: Person, case: Any, chance: Random, findings: Findings, before: Any) -> None:
    ids = world.acme if chance.random() < 0.7 else world.globex
    known = [value for name, value in ids.items() if name.endswith("_id")]
    path = case.operation.path
    for name, value in (case.path_parameters or {}).items():
        chosen = ids.get(name, value) if chance.random() < 0.9 else value
        path = path.replace(f"{{{name}}}", quote(str(chosen), safe=""))
    query = urlencode(with_ids(case.query or {}, known, chance), doseq=True, errors="replace")
    body = b"" if isinstance(case.body, NotSet) else encoded(with_ids(case.body, known, chance))
    headers = {name: str(value) for name, value in (case.headers or {}).items() if name in ("Idempotency-Key", "If-Match")}
    with undone() as seen:
        answer = world.api(person).generic(case.method, f"{path}?{query}", body, content_type="application/json", headers=headers)
        content = answer.getvalue().decode() if answer.streaming else answer.content.decode()
        is_changed = bool(seen.touched) and state_of_acme(world) != before and person.rank == 0
    findings.asked += 1
    findings.statuses[answer.status_code] += 1
    findings.faults += [f"{person.name} {case.method} {path}?{query} {body[:500]!r}: {text}" for text in faults(answer, content, person)]
    if is_changed:
        findings.faults.append(f"{person.name} {case.method} {path}?{query} {body[:500]!r}: changed rows of acme")


def faults(answer: Any, content: str, person: Person) -> Iterator[str]:
    if answer.status_code >= 500:
        yield f"{answer.status_code} {content[:300]}"
    if not person.rank and CANARY in content:
        yield f"shows {CANARY}: {content[max(0, content.index(CANARY) - 100) :][:300]}"
    if not person.is_staff and STAFF_CANARY in content:
        yield f"shows {STAFF_CANARY}: {content[max(0, content.index(STAFF_CANARY) - 100) :][:300]}"
    if answer.status_code >= 400 and '"reference"' not in content:
        yield f"an error that is not ours: {answer.status_code} {content[:200]}"


def with_ids(value: Any, known: list[str], chance: Random) -> Any:
    """Made-up ids are nobody's: most become somebody's."""
    if isinstance(value, dict):
        return {name: with_ids(inner, known, chance) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_ids(inner, known, chance) for inner in value]
    return chance.choice(known) if isinstance(value, str) and UUID.match(value) and chance.random() < 0.7 else value


def encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, default=str).encode()


def state_of_acme(world: World) -> Any:
    tenant = world.acme["tenant_id"]
    of_tenant = (Guest, Job, Volume, Image, Network, Membership, Quota)
    return [
        *(sorted(map(str, model._default_manager.filter(tenant=tenant).values_list())) for model in of_tenant),
        sorted(map(str, ConsoleSession.objects.filter(guest__tenant=tenant).values_list())),
        sorted(map(str, ApiToken.objects.filter(user=world.users["owner"]).values_list("digest", "name", "scope", "tenant_id"))),
        sorted(map(str, Tenant.objects.filter(pk=tenant).values_list())),
    ]
