"""Operations, live topics and job kinds x every kind of person, with acme's rows. What has no row in `actions` fails."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.db import models
from django.urls import get_resolver

from guests.models import Guest
from hosts.models import Host
from jobs.models import Job
from jobs.payload import job_payload
from jobs.workflow import workflow_kinds
from kvmweb.errors import KvmwebError, NotAllowed, NotFound
from live import topics
from networks.models import Network
from storage.models import Image, Volume
from tenants import gate
from tenants.actor import Actor, actor_for
from tenants.models import Tenant
from tenants.policy import ALSO_AUDITOR, LEAST_ROLE
from tests.edges.actions import JOB_KINDS, OPERATIONS, TOPICS
from tests.edges.asking import ask_rest
from tests.edges.matrix import Row
from tests.edges.people import (
    ANYBODY,
    AUDITOR,
    DONE,
    HIDDEN,
    IS_WHOLE,
    MEMBER_,
    NARROW_TOKEN,
    NOBODY,
    OPERATOR,
    OPERATOR_,
    READ_TOKEN,
    STRANGER,
    TOKENS,
    VIEWER_,
    Person,
    wanted,
)
from tests.edges.watching import rows_of, undone
from tests.edges.world import CANARY, STAFF_CANARY, World

pytestmark = pytest.mark.django_db

MODELS: dict[str, type[models.Model]] = {
    "guest": Guest,
    "host": Host,
    "image": Image,
    "job": Job,
    "network": Network,
    "tenant": Tenant,
    "volume": Volume,
}
ASKING = (NOBODY, VIEWER_, MEMBER_, STRANGER, AUDITOR, OPERATOR_, READ_TOKEN, NARROW_TOKEN)
KNOWN = [person for person in TOKENS if person.is_known]
get_resolver().url_patterns  # noqa: B018  (imports every service)
BUILT_IN_TOPICS = frozenset(topics._topics)


def actor_of(world: World, person: Person) -> Actor:
    only_tenant = Tenant.objects.get(pk=world.globex["tenant_id"]).pk if person == NARROW_TOKEN else None
    return actor_for(world.users[person.name], scope=person.scope, only_tenant=only_tenant)


def target_of(world: World, kind: str) -> Any:
    return MODELS[kind]._default_manager.get(pk=world.acme[f"{kind}_id"]) if kind else None


# -- operations -----------------------------------------------------------------------------------------------------------------------
def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    assert set(LEAST_ROLE) == set(OPERATIONS)
    assert set(gate.OPERATIONS) <= set(OPERATIONS)
    assert {name: least for name, (least, _) in OPERATIONS.items()} == LEAST_ROLE


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_gate_lets_in_whom_the_row_names(name: str, world: World) -> None:
    least, kind = OPERATIONS[name]
    if kind == "own" or name not in gate.OPERATIONS:
        pytest.skip("its target is looked up among one's own rows, or it is asked about only; the routes walk it")
    wrong = []
    for person in KNOWN:
        with undone() as seen:
            target, actor = target_of(world, kind), actor_of(world, person)
            expected = expected_error(person, name, least, target)
            seen.written.clear()
            try:
                # The refused never reach the service, so that it needs no arguments; the others are only checked.
                gate.OPERATIONS[name](actor, target) if expected else gate.check(actor, name, target)
                got = None
            except KvmwebError as error:
                got = type(error)
            after = rows_of(seen.touched)
        if got is not expected:
            wrong.append(f"{person.name}: {got} instead of {expected}")
        if after != rows_of(set(after)):
            wrong.append(f"{person.name}: something changed in {sorted(after)}")
    assert not wrong, "\n" + "\n".join(wrong)


def expected_error(person: Person, name: str, least: int, target: Any) -> type[KvmwebError] | None:
    if gate.tenant_of(target) is not None and not person.is_staff and not person.rank:
        return NotFound
    is_of_people = name.partition(".")[0] in ("tenant", "user")
    if name in ALSO_AUDITOR and person.is_staff and person.scope == "admin":
        return None
    if person.scope == "read" or (person.scope == "operate" and (least >= OPERATOR or is_of_people)):
        return NotAllowed
    # A person's rank in acme says nothing where there is no tenant.
    rank = person.rank if target is not None and gate.tenant_of(target) else person.rank if person.is_staff else ANYBODY
    return None if rank >= least else NotAllowed


# -- live topics ------------------------------------------------------------------------------------------------------------------------
def test_every_topic_has_a_row_and_every_row_a_topic() -> None:
    assert set(TOPICS) == BUILT_IN_TOPICS


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_each_person_sees_of_a_topic_what_the_row_says(name: str, world: World) -> None:
    wrong = []
    for person in KNOWN:
        with undone() as seen:
            actor = actor_of(world, person)
            topic = f"{name}:{world.acme[f'{name}_id']}" if f"{name}_id" in world.acme else name
            found = topics.take_snapshot(actor, topic)
            missing = topics.take_snapshot(actor, f"{name}:{'0' * 8}-0000-4000-8000-{'0' * 12}") if ":" in topic else None
            garbage = topics.take_snapshot(actor, f"{name}:'; --") if ":" in topic else None
        text = orjson.dumps(found, default=str).decode()
        expected = wanted(person, TOPICS[name], "GET")
        if (found is None) != (expected == HIDDEN):
            wrong.append(f"{person.name}: {'refused' if found is None else 'shown'} instead of {expected}")
        if missing is not None or garbage is not None:
            wrong.append(f"{person.name}: something that does not exist is shown")
        if CANARY in text and not (person.is_staff or person.rank):
            wrong.append(f"{person.name}: shows {CANARY}")
        if STAFF_CANARY in text and not person.is_staff:
            wrong.append(f"{person.name}: shows {STAFF_CANARY}")
        if seen.touched:
            wrong.append(f"{person.name}: wrote into {seen.touched}")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "topic", ["", ":", "guests:", "guest", "guest:", "users", "__class__", "guests:x", "guest:\0", "guest:" + "9" * 400]
)
def test_a_topic_that_is_none_is_refused(topic: str, world: World) -> None:
    for person in KNOWN:
        with undone():
            assert topics.take_snapshot(actor_of(world, person), topic) is None, person.name


# -- jobs -------------------------------------------------------------------------------------------------------------------------------
def test_every_kind_of_job_has_a_row_and_every_row_a_kind() -> None:
    assert {kind for kind in workflow_kinds() if not kind.startswith("lab.")} == set(JOB_KINDS)
    assert {name for name in JOB_KINDS.values() if name} <= set(OPERATIONS)


RETRIED_BY_OPERATORS = ("image.import", "image.build")
"""They read folders of the server again."""


@pytest.mark.parametrize("kind", sorted(JOB_KINDS))
def test_a_job_of_any_kind_is_its_tenants_alone(kind: str, world: World) -> None:
    """Reading, cancelling and retrying; and what operators read of its error, nobody else does."""
    wrong = []
    for of_tenant in (True, False):
        rule_of = {"GET": "tenant reads" if of_tenant else "operators read", "POST": "tenant writes" if of_tenant else "jobs of the house"}
        for person in TOKENS if IS_WHOLE else ASKING:
            for method, verb, state in (("GET", "", "failed"), ("POST", "cancel/", "queued"), ("POST", "retry/", "failed")):
                rule = "operators retry" if verb == "retry/" and of_tenant and kind in RETRIED_BY_OPERATORS else rule_of[method]
                with undone() as seen:
                    Job.objects.filter(pk=world.acme["job_id"]).update(kind=kind, state=state)
                    if not of_tenant:
                        Job.objects.filter(pk=world.acme["job_id"]).update(tenant=None)
                    seen.written.clear()
                    answer = ask_rest(world, person, method, f"jobs/<job_id>/{verb}", Row("everybody"), world.acme)
                    after = rows_of(seen.touched) if answer.status_code >= 400 else {}
                expected = wanted(person, rule, method)
                # A kind that cannot be cancelled or retried says so with 409, to those who might.
                is_right = answer.status_code in (200, 202, 409) if expected == DONE else answer.status_code == expected
                if not is_right:
                    wrong.append(
                        f"{person.name} {verb or 'read'} of {'acme' if of_tenant else 'no tenant'}: {answer.status_code}, not {expected}"
                    )
                if after and after != rows_of(set(after)) and answer.status_code != 409:
                    wrong.append(f"{person.name} {verb}: something changed")
                if STAFF_CANARY in answer.content.decode() and not person.is_staff:
                    wrong.append(f"{person.name} {verb or 'read'}: shows {STAFF_CANARY}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_what_operators_read_of_an_error_is_in_no_live_change(world: World) -> None:
    with undone():
        job = Job.objects.get(pk=world.acme["job_id"])
        for person in KNOWN:
            actor = actor_of(world, person)
            text = orjson.dumps(job_payload(job, actor, detail=True), default=str).decode()
            # The auditor reads everything of a tenant, but a host's own words are for those who can act on them.
            assert (STAFF_CANARY in text) <= person.is_staff, person.name
