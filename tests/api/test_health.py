"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from guests.models import Guest
from kvmweb import health, heartbeat
from tenants.models import User

ALL_SEEN = {"worker": True, "beat": True, "watcher": True}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    return lambda value: monkeypatch.setattr(heartbeat, "seen", lambda: value)


def test_healthz_needs_nothing(client: Client, django_assert_num_queries: Any) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_when_all_is_there(client: Client, seen: Callable[[Any], None]) -> None:
    seen(ALL_SEEN)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"] == {"database": "ok", "redis": "ok", "worker": "ok", "watcher": "ok"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "missing"),
    [
        ({**ALL_SEEN, "worker": False}, {"worker"}),
        ({**ALL_SEEN, "watcher": False}, {"watcher"}),
        (None, {"redis", "worker", "watcher"}),
    ],
)
def test_readyz_says_what_is_missing(client: Client, seen: Callable[[Any], None], value: Any, missing: set[str]) -> None:
    seen(value)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert {part for part, state in answer.json()["parts"].items() if state != "ok"} == missing


def test_readyz_without_a_database(client: Client, seen: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def cursor(self) -> None:
            raise OperationalError("no such host")

    seen(ALL_SEEN)
    monkeypatch.setattr(health, "connection", Broken())
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["database"]) == (503, "does not answer")


@pytest.mark.django_db
def test_metrics_count_by_state(client: Client, make_guest: Callable[..., Guest], seen: Callable[[Any], None]) -> None:
    seen({**ALL_SEEN, "beat": False})
    make_guest("a", state="running")
    make_guest("b", state="running", is_missing=True)
    text = client.get("/metrics").content.decode()
    assert 'kvmweb_guests{state="running"} 2' in text
    assert 'kvmweb_hosts{state="up"} 1' in text
    assert 'kvmweb_process_seen{process="beat"} 0' in text
    assert "kvmweb_guests_missing 1" in text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == len({line.rsplit(" ", 1)[0] for line in lines})


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{"REMOTE_ADDR": "192.0.2.1"}, {"HTTP_X_FORWARDED_FOR": "192.0.2.1"}])
def test_metrics_are_not_for_everybody(
    client: Client, member: User, auditor: User, api_for: Callable[..., APIClient], headers: dict[str, str]
) -> None:
    assert client.get("/metrics", **headers).status_code == 401
    assert client.get("/metrics", HTTP_AUTHORIZATION="Token " + "0" * 64, **headers).status_code == 401
    assert api_for(member).get("/metrics", **headers).status_code == 401
    assert api_for(auditor).get("/metrics", **headers).status_code == 200
