"""How much one may ask of REST: a bucket each for a token, a person and an address; the others are not affected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from kvmweb.rest import rate_limit
from kvmweb.rest.rate_limit import Buckets
from tenants.models import User


@pytest.fixture(autouse=True)
def three_a_minute(settings: Any) -> Iterator[None]:
    rate_limit.buckets.cache_clear()
    settings.API_RATE = "3/minute"
    yield
    rate_limit.buckets.cache_clear()


def test_a_token_that_asks_too_much_is_told_when_to_come_back(member: User, viewer: User, api_for: Callable[..., APIClient]) -> None:
    api = api_for(member)
    assert [api.get("/api/v1/me/").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = api.post("/api/v1/guests/", {})
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 21
    assert answer.json()["error"]["code"] == "rate_limited"
    assert api_for(member).get("/api/v1/me/").status_code == 200, "another token of the same person"
    assert api_for(viewer).get("/api/v1/me/").status_code == 200


def test_a_session_has_one_of_its_own(member: User, client_for: Callable[[User], Client]) -> None:
    browser = client_for(member)
    assert [browser.get("/api/v1/me/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert browser.get("/guests/").status_code == 200, "pages are not REST"


def test_wrong_tokens_count_for_their_address(db: None) -> None:
    def ask(address: str) -> int:
        return APIClient(REMOTE_ADDR=address).get("/api/v1/me/", HTTP_AUTHORIZATION="Token " + "0" * 64).status_code

    assert [ask("192.0.2.1") for _ in range(4)] == [401, 401, 401, 429]
    assert ask("192.0.2.2") == 401


def test_zero_is_no_limit(settings: Any, member: User, api_for: Callable[..., APIClient]) -> None:
    settings.API_RATE = "0"
    api = api_for(member)
    assert {api.get("/api/v1/me/").status_code for _ in range(10)} == {200}


def test_a_bucket_fills_again() -> None:
    at = [0.0]
    limit = Buckets(2, 10, now=lambda: at[0])
    assert [limit.take("a"), limit.take("a"), limit.take("a")] == [0, 0, 5]
    at[0] = 5.0
    assert (limit.take("a"), limit.take("a")) == (0, 5)
    at[0] = 1000.0
    assert [limit.take("a") for _ in range(3)] == [0, 0, 5], "no more than it holds"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MOST_BUCKETS", 100)
    at = [0.0]
    limit = Buckets(2, 10, now=lambda: at[0])
    for number in range(1000):
        limit.take(str(number))
        assert len(limit._buckets) <= 100
