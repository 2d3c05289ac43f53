"""The OpenAPI document: checked in, current, and what the page shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from tenants.models import User

KEPT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


def test_the_kept_document_is_current_and_made_without_warnings(tmp_path: Path) -> None:
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(made), validate=True, fail_on_warn=True)
    assert made.read_text() == KEPT.read_text(), "Run: manage.py spectacular --file docs/openapi.yaml"


def test_every_operation_has_a_summary_an_id_and_documented_errors() -> None:
    for path, operations in yaml.safe_load(KEPT.read_text())["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), f"{method} {path}"
            assert "default" in operation["responses"], f"{method} {path}"
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            if method == "post":
                assert {"Idempotency-Key", "dry_run"} <= names, path


@pytest.mark.django_db
def test_the_document_is_served(member: User, api_for: Callable[..., APIClient]) -> None:
    answer = api_for(member).get("/api/v1/schema/")
    assert answer.json()["openapi"].startswith("3.")
    assert set(answer.json()["paths"]) == set(yaml.safe_load(KEPT.read_text())["paths"])


@pytest.mark.django_db
def test_its_page_needs_a_login_and_no_inline_script(client: Client, member: User, client_for: Callable[[User], Client]) -> None:
    assert client.get("/api/v1/docs/").status_code == 302
    page = client_for(member).get("/api/v1/docs/")
    assert page.status_code == 200
    assert "unsafe" not in page["Content-Security-Policy"]
    assert all("src=" in script for script in page.content.decode().split("<script")[1:])
