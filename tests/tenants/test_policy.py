"""The policy table: what each role may, what tokens narrow, and that everything unknown or unreadable is a no."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.test import Client
from rest_framework.test import APIClient

from kvmweb.errors import Unavailable
from tenants.access import access_of, by_noun
from tenants.actor import Actor, actor_for
from tenants.gate import OPERATIONS
from tenants.management.commands.permissions_reference import reference
from tenants.models import Membership, Tenant, User
from tenants.policy import LEAST_ROLE, may, why_not, why_not_anywhere, words_for
from tenants.sessions import actor_of_session

ROW = uuid4()


def somebody(role: str = "", *, system_role: str = "", scope: str = "admin") -> Actor:
    return Actor(label="x", user_id=uuid4(), system_role=system_role, roles={ROW: role} if role else {}, names={ROW: "acme"}, scope=scope)


@pytest.mark.parametrize(
    ("who", "operation", "allowed"),
    [
        (somebody("viewer"), "console.view", True),
        (somebody("viewer"), "guest.start", False),
        (somebody("member"), "guest.delete", True),
        (somebody("member"), "tenant.invite", False),
        (somebody("owner"), "tenant.invite", True),
        (somebody("owner"), "tenant.set_quota", False),
        (somebody("owner"), "guest.adopt", False),
        (somebody(system_role="operator"), "guest.adopt", True),
        (somebody(system_role="operator"), "tenant.set_quota", False),
        (somebody(system_role="admin"), "tenant.set_quota", True),
        (somebody(system_role="auditor"), "console.view", True),
        (somebody(system_role="auditor"), "guest.start", False),
        (somebody(system_role="auditor"), "tenant.view_as", True),
        (somebody("owner"), "tenant.view_as", False),
        (somebody("member", system_role="auditor"), "guest.start", True),
    ],
)
def test_roles(who: Actor, operation: str, allowed: bool) -> None:
    assert may(who, operation, ROW) is allowed


TOKENS = {
    # scope -> (looks only, works with guests, about people, operators')
    "read": (False, False, False, False),
    "operate": (True, True, False, False),
    "admin": (True, True, True, True),
}


@pytest.mark.parametrize("scope", TOKENS)
def test_what_a_tokens_scope_leaves_of_an_admin(scope: str) -> None:
    admin = somebody(system_role="admin", scope=scope)
    operations = ("console.view", "guest.delete", "tenant.add_member", "host.create")
    assert tuple(may(admin, operation, ROW) for operation in operations) == TOKENS[scope]


@pytest.mark.django_db
@pytest.mark.parametrize("scope", TOKENS)
@pytest.mark.parametrize("narrow", [False, True])
def test_scope_and_tenant_narrow_independently(scope: str, narrow: bool, admin: User, tenant: Tenant, other_tenant: Tenant) -> None:
    Membership.objects.create(tenant=tenant, user=admin, role="member")
    who = actor_for(admin, scope=scope, only_tenant=tenant.pk if narrow else None)
    assert who.sees_everything is not narrow
    assert may(who, "guest.start", tenant.pk) is (scope != "read")
    assert may(who, "guest.start", other_tenant.pk) is (scope != "read" and not narrow)
    # As a member there, and with the system role elsewhere.
    assert may(who, "tenant.add_member", tenant.pk) is (scope == "admin" and not narrow)
    assert may(who, "host.create", None) is (scope == "admin" and not narrow)


@pytest.mark.django_db
def test_a_token_for_a_tenant_one_does_not_belong_to_sees_nothing(admin: User, tenant: Tenant) -> None:
    who = actor_for(admin, only_tenant=tenant.pk)
    assert (who.sees_everything, who.roles) == (False, {})
    assert [operation for operation, least in LEAST_ROLE.items() if least > 0 and may(who, operation, tenant.pk)] == []


@pytest.mark.parametrize(
    "who",
    [
        somebody("emperor"),
        somebody(system_role="emperor"),
        somebody("owner", scope="everything"),
        somebody("owner", scope=""),
        Actor(label="nobody"),
    ],
)
def test_what_is_not_known_is_refused(who: Actor) -> None:
    assert [operation for operation, least in LEAST_ROLE.items() if least > 0 and may(who, operation, ROW)] == []


def test_an_unknown_operation_is_refused_even_to_the_system() -> None:
    assert "not a known operation" in why_not(somebody(system_role="admin"), "guest.fly", ROW)


def test_a_button_of_no_row_works_where_any_tenant_allows_it() -> None:
    assert why_not_anywhere(somebody("member"), "guest.create") == ""
    assert "role member" in why_not_anywhere(somebody("viewer"), "guest.create")
    assert why_not_anywhere(somebody(system_role="operator"), "guest.create") == ""


def test_every_operation_has_words_and_every_gated_service_a_row() -> None:
    assert set(OPERATIONS) <= set(LEAST_ROLE)
    listed = [operation for _, operations in by_noun() for operation in operations]
    assert sorted(listed) == sorted(LEAST_ROLE)
    assert all(words_for(operation)[0].isupper() for operation in LEAST_ROLE)


def test_access_says_why() -> None:
    lines = {line.operation: line for group in access_of(somebody("member"), ROW) for line in group.lines}
    assert (lines["guest.start"].is_allowed, lines["guest.start"].because) == (True, "x is member of acme.")
    assert not lines["tenant.invite"].is_allowed
    assert "role owner" in lines["tenant.invite"].because
    lines = {line.operation: line for group in access_of(somebody(system_role="operator"), ROW) for line in group.lines}
    assert lines["guest.start"].because == "x has the system role operator."


def test_the_reference_is_written() -> None:
    written = (Path(settings.BASE_DIR) / "docs" / "permissions.md").read_text(encoding="utf-8")
    assert written == reference(), "Run ./manage.py permissions_reference"


# -- tables that cannot be read -----------------------------------------------------------------------------------------------------


@pytest.fixture
def unreadable_roles(db: None) -> Iterator[None]:
    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "tenants_membership" in sql:
            raise DatabaseError("relation tenants_membership is not there")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        yield


@pytest.mark.django_db
def test_roles_that_cannot_be_read_are_no_roles(owner: User, unreadable_roles: None) -> None:
    with pytest.raises(Unavailable):
        actor_for(owner)
    with pytest.raises(Unavailable):
        actor_of_session(owner, {})


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/guests/", "/", "/hosts/", "/api/v1/guests/", "/api/v1/me/", "/tenants/access/"])
def test_then_the_answer_is_503(path: str, admin: User, client_for: Callable[[User], Client], request: pytest.FixtureRequest) -> None:
    client = client_for(admin)
    client.raise_request_exception = False
    request.getfixturevalue("unreadable_roles")
    answer = client.get(path)
    assert answer.status_code == 503, answer.content
    assert "tenants_membership" not in answer.content.decode()


@pytest.mark.django_db
def test_and_a_change_is_503_too(
    owner: User, api_for: Callable[..., APIClient], make_guest: Callable[..., object], request: pytest.FixtureRequest
) -> None:
    guest, api = make_guest(), api_for(owner)
    request.getfixturevalue("unreadable_roles")
    assert api.post(f"/api/v1/guests/{guest.pk}/start/").status_code == 503  # type: ignore[attr-defined]
