"""Every error is JSON of one shape, and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from tenants.models import Tenant, User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


def error_of(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"code", "message", "hint", "details", "reference"}
    assert error["code"] == code
    assert error["message"].strip()
    assert error["reference"] == answer["X-Request-ID"]
    assert answer["Cache-Control"] == "no-store"
    return error


def test_nobody_gets_401_and_is_told_how(client: Any) -> None:
    answer = client.get("/api/v1/me/")
    error_of(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"] == "Token"


def test_a_bogus_token_gets_401(client: Any) -> None:
    error_of(client.get("/api/v1/me/", HTTP_AUTHORIZATION="Token " + "0" * 64), 401, "not_authenticated")


def test_an_unknown_path_is_a_json_404(admin: User, api_for: Api) -> None:
    error_of(api_for(admin).get("/api/v1/nowhere/"), 404, "not_found")
    error_of(api_for(admin).get("/api/v1/tenants/not-a-uuid/"), 404, "not_found")
    error_of(api_for(admin).post("/api/v1/me", {}), 404, "not_found")


def test_a_wrong_method_is_405(admin: User, api_for: Api) -> None:
    answer = api_for(admin).delete("/api/v1/me/")
    error_of(answer, 405, "method_not_allowed")
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "FIND", "SHOW", "QUERY", "DISPATCH", "INITIAL"])
def test_an_http_method_is_never_an_attribute_of_ours(admin: User, tenant: Tenant, api_for: Api, method: str) -> None:
    error_of(api_for(admin).generic(method, f"/api/v1/tenants/{tenant.pk}/"), 405, "method_not_allowed")


def test_another_content_type_is_415(admin: User, api_for: Api) -> None:
    error_of(
        api_for(admin).post("/api/v1/tenants/", "name=x", content_type="application/x-www-form-urlencoded"), 415, "unsupported_media_type"
    )


@pytest.mark.parametrize("text", ["{", "NaN", '{"name": NaN}', '{"name": 1e999}', '{"name": "\\ud800"}', b'{"name": "\xff"}', "[" * 5000])
def test_what_is_not_json_is_400(admin: User, api_for: Api, text: Any) -> None:
    error_of(api_for(admin).post("/api/v1/tenants/", text, content_type="application/json"), 400, "invalid")


def test_deep_json_is_400(admin: User, api_for: Api) -> None:
    text = '{"name": ' + "[" * 30 + "]" * 30 + "}"
    assert "deep" in error_of(api_for(admin).post("/api/v1/tenants/", text, content_type="application/json"), 400, "invalid")["message"]


def test_a_large_body_is_413(admin: User, api_for: Api) -> None:
    text = '{"name": "' + "a" * 1_100_000 + '"}'
    error_of(api_for(admin).post("/api/v1/tenants/", text, content_type="application/json"), 413, "too_large")


def test_unknown_fields_are_named_with_what_is_allowed(admin: User, api_for: Api) -> None:
    error = error_of(api_for(admin).post("/api/v1/tenants/", {"name": "x", "colour": "red"}), 400, "invalid")
    assert error["details"]["fields"] == {"colour": ["Unknown field. Allowed: name, description."]}
    assert not Tenant.objects.exists()


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a" * 64, "a b", "../x", "a\n", "é", 5, None, True, ["a"], {"a": 1}, "a\u0000"])
def test_bad_names_are_400(admin: User, api_for: Api, name: Any) -> None:
    error = error_of(api_for(admin).post("/api/v1/tenants/", {"name": name}), 400, "invalid")
    assert "name" in error["details"]["fields"]


@pytest.mark.parametrize("value", [-1, 1.5, "2", 2**31, 10**30, True, [1]])
def test_bad_numbers_are_400(admin: User, tenant: Tenant, api_for: Api, value: Any) -> None:
    error = error_of(api_for(admin).put(f"/api/v1/tenants/{tenant.pk}/quota/", {"guests": value}), 400, "invalid")
    assert "guests" in error["details"]["fields"]


@pytest.mark.parametrize("body", [[], "x", 5, None, True])
def test_a_body_that_is_no_object_is_400(admin: User, api_for: Api, body: Any) -> None:
    error_of(api_for(admin).post("/api/v1/tenants/", body), 400, "invalid")


def test_a_bug_is_a_500_with_a_reference_and_without_its_text(admin: User, api_for: Api) -> None:
    with patch("tenants.payload.me_payload", side_effect=RuntimeError("secret detail /etc/shadow")):
        answer = api_for(admin).get("/api/v1/me/")
    error_of(answer, 500, "bug")
    assert b"secret detail" not in answer.content


def test_a_database_that_does_not_answer_is_503(admin: User, api_for: Api) -> None:
    with patch("tenants.payload.me_payload", side_effect=OperationalError("database is locked")):
        answer = api_for(admin).get("/api/v1/me/")
    error_of(answer, 503, "unavailable")
    assert b"locked" not in answer.content
    assert answer["Retry-After"]


def test_a_failed_change_leaves_nothing(admin: User, api_for: Api) -> None:
    with patch("tenants.payload.tenant_payload", side_effect=RuntimeError):
        error_of(api_for(admin).post("/api/v1/tenants/", {"name": "x"}), 500, "bug")
    assert not Tenant.objects.exists()


def test_a_session_needs_a_csrf_token(admin: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(admin)
    error_of(client.post("/api/v1/tenants/", {"name": "x"}), 403, "not_allowed")


def test_a_harmless_request_id_is_kept_and_any_other_replaced(admin: User, api_for: Api) -> None:
    assert api_for(admin).get("/api/v1/me/", HTTP_X_REQUEST_ID="build-4711")["X-Request-ID"] == "build-4711"
    assert api_for(admin).get("/api/v1/me/", HTTP_X_REQUEST_ID="x" * 300)["X-Request-ID"] != "x" * 300


def test_a_stranger_gets_the_answer_of_a_missing_row(stranger: User, tenant: Tenant, api_for: Api) -> None:
    api = api_for(stranger)
    foreign = error_of(api.get(f"/api/v1/tenants/{tenant.pk}/"), 404, "not_found")
    missing = error_of(api.get("/api/v1/tenants/00000000-0000-4000-8000-000000000000/"), 404, "not_found")
    assert {**foreign, "reference": ""} == {**missing, "reference": ""}
