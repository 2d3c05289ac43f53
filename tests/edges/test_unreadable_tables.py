"""When the tables that say who may what and how much cannot be read, the answer is 503, never yes: REST, pages, live sockets, consoles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from rest_framework.test import APIClient

from console import admission
from console.services import open_console
from guests.models import Guest
from jobs.models import Job
from kvmweb.errors import Unavailable
from live import rights, topics
from networks.models import Network
from storage.models import Image, Pool
from tenants.actor import Actor, actor_for
from tenants.models import User

RIGHTS = ("tenants_membership", "tenants_tenant", "tenants_user")
COUNTED = ("tenants_quota", "tenants_tenant", "guests_guest", "storage_volume")


@contextmanager
def unreadable(table: str) -> Iterator[None]:
    """As after a lost permission or a broken disk."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if re.search(rf'\b(FROM|JOIN) "?{table}\b', sql):
            raise OperationalError(f"could not read {table} in /var/lib/secret on db-host-7")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


@pytest.fixture
def guest(make_guest: Callable[..., Guest]) -> Guest:
    return make_guest("web-1", state="running")


def says_503(answer: Any) -> None:
    assert answer.status_code == 503, answer.content[:300]
    text = answer.content.decode()
    assert "db-host-7" not in text
    assert "tenants_" not in text


@pytest.mark.django_db
@pytest.mark.parametrize("table", RIGHTS)
@pytest.mark.parametrize(("method", "path"), [("get", ""), ("get", "{id}/"), ("post", "{id}/shutdown/"), ("delete", "{id}/")])
def test_rest(table: str, method: str, path: str, guest: Guest, member: User, api_for: Callable[..., APIClient]) -> None:
    api = api_for(member)
    with unreadable(table):
        answer = getattr(api, method)(f"/api/v1/guests/{path.format(id=guest.pk)}", *([{}] if method == "post" else []))
    says_503(answer)
    assert answer.json()["error"]["code"] == "unavailable"
    assert int(answer["Retry-After"]) > 0
    assert not Job.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("table", RIGHTS)
@pytest.mark.parametrize("path", ["/", "/guests/", "/guests/{id}/", "/guests/{id}/console/", "/jobs/", "/palette/?q=web", "/admin/"])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_pages(
    table: str, path: str, headers: dict[str, str], guest: Guest, member: User, admin: User, client_for: Callable[[User], Client]
) -> None:
    browser = client_for(admin if path == "/admin/" else member)
    browser.raise_request_exception = False
    with unreadable(table):
        answer = browser.get(path.format(id=guest.pk), headers=headers)
    if path == "/admin/" and table == "tenants_tenant":
        assert answer.status_code in (200, 503), "the start page of the administration needs no tenant"
        return
    says_503(answer)
    assert "web-1" not in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("table", COUNTED)
def test_nothing_is_made_while_the_quota_cannot_be_counted(
    table: str, member: User, image: Image, pool: Pool, network: Network, api_for: Callable[..., APIClient]
) -> None:
    api = api_for(member)
    body = {"name": "new-1", "source": {"image": str(image.pk)}, "vcpus": 1, "memory_mib": 128}
    with unreadable(table):
        says_503(api.post("/api/v1/guests/", body))
    assert not Guest.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("table", RIGHTS)
def test_a_live_socket_is_not_let_in_and_shows_nothing(
    table: str, guest: Guest, member: User, member_actor: Actor, client_for: Callable[[User], Client]
) -> None:
    cookie = client_for(member).cookies[settings.SESSION_COOKIE_NAME].value
    scope = {"client": ("127.0.0.1", 1), "headers": [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode())]}
    assert rights.log_in(scope, token="") is not None
    with unreadable(table), pytest.raises((OperationalError, Unavailable)):
        rights.log_in(scope, token="")
    if table == "tenants_tenant":
        with unreadable(table), pytest.raises((OperationalError, Unavailable)):
            topics.take_snapshot(member_actor, "guests")


@pytest.mark.django_db
@pytest.mark.parametrize("table", ["tenants_membership", "tenants_user"])
def test_a_console_ticket_does_not_open(table: str, guest: Guest, member: User) -> None:
    opened = open_console(actor_for(member), guest, kind="vnc", mode="control", login_hash="x")
    request = admission.Request(kind="vnc", guest_id=str(guest.pk), ticket=opened.ticket, session_key="", address="127.0.0.1")
    with unreadable(table), pytest.raises((OperationalError, Unavailable)):
        admission.check(admission.claim(request))


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_gone(guest: Guest, member: User, api_for: Callable[..., APIClient], client_for: Callable[[User], Client]) -> None:
    """On PostgreSQL such a statement also breaks the transaction around it."""
    api, browser = api_for(member), client_for(member)
    browser.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_membership RENAME TO gone")
    try:
        answers = [api.get("/api/v1/guests/"), api.post(f"/api/v1/guests/{guest.pk}/shutdown/"), browser.get("/guests/")]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO tenants_membership")
    for answer in answers:
        says_503(answer)
    assert not Job.objects.exists()
