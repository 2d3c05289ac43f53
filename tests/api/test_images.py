"""Images, recipes, importing from the server's folder, and volumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from guests.models import Guest, GuestDisk
from jobs.models import Job
from storage.models import Image, Volume
from tenants.models import User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


@pytest.fixture
def raw_file(settings: Any, tmp_path: Path) -> str:
    settings.IMPORT_DIR = tmp_path
    (tmp_path / "disk.img").write_bytes(b"\0" * 510 + b"\x55\xaa" + b"\0" * 1024 * 1024)  # a boot sector
    return "disk.img"


def test_an_operator_imports_a_file(operator: User, raw_file: str, api_for: Api) -> None:
    api = api_for(operator)
    assert [file["name"] for file in api.get("/api/v1/images/importable/").json()["results"]] == [raw_file]
    answer = api.post("/api/v1/images/", {"kind": "disk", "name": "mine", "os": "linux", "source_file": raw_file})
    assert answer.status_code == 202, answer.content
    assert answer.json()["image"]["state"] == "building"
    assert answer.json()["job"]["kind"] == "image.import"


def test_tenants_see_no_files_and_import_none(owner: User, raw_file: str, api_for: Api) -> None:
    api = api_for(owner)
    assert api.get("/api/v1/images/importable/").json()["results"] == []
    assert api.post("/api/v1/images/", {"kind": "disk", "name": "mine", "source_file": raw_file}).status_code == 403
    assert not Image.objects.exists()


@pytest.mark.parametrize("name", ["../db.sqlite3", "/etc/shadow", "missing.img", ".hidden", ""])
def test_a_file_that_is_not_there_is_named(operator: User, raw_file: str, api_for: Api, name: str) -> None:
    answer = api_for(operator).post("/api/v1/images/", {"kind": "disk", "name": "mine", "source_file": name})
    assert answer.status_code == 400, answer.content
    assert "source_file" in answer.json()["error"]["details"]["fields"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "kind"),
        ({"recipe": "windows"}, "recipe"),
        ({"recipe": "micro", "name": "x"}, "name"),
        ({"kind": "disk", "name": "x", "source_url": "https://example.org/x"}, "source_url"),
        ({"kind": "floppy", "name": "x", "source_file": "disk.img"}, "kind"),
        ({"kind": "disk", "name": "X!", "source_file": "disk.img"}, "name"),
        ({"kind": "iso", "name": "x", "source_file": "disk.img"}, "source_file"),
    ],
)
def test_what_is_no_image_is_400(operator: User, raw_file: str, api_for: Api, body: dict[str, Any], named: str) -> None:
    answer = api_for(operator).post("/api/v1/images/", body)
    assert answer.status_code == 400, answer.content
    assert named in answer.json()["error"]["details"]["fields"], answer.content


def test_recipes_are_listed_and_built_by_operators(operator: User, owner: User, api_for: Api) -> None:
    assert {"micro"} <= {recipe["name"] for recipe in api_for(owner).get("/api/v1/images/recipes/").json()["results"]}
    assert api_for(owner).post("/api/v1/images/", {"recipe": "micro"}).status_code == 403
    answer = api_for(operator).post("/api/v1/images/", {"recipe": "micro"})
    assert answer.status_code == 202, answer.content
    assert answer.json()["image"]["recipe"] == "micro"


def test_an_image_is_changed_and_deleted(operator: User, owner: User, image: Image, api_for: Api) -> None:
    path = f"/api/v1/images/{image.pk}/"
    assert api_for(operator).patch(path, {"description": "small"}).json()["description"] == "small"
    assert api_for(operator).patch(path, {"sha256": "0"}).status_code == 400
    assert api_for(owner).patch(path, {"description": "mine now"}).status_code == 403
    assert api_for(owner).delete(path).status_code == 403
    assert api_for(operator).delete(path).status_code == 202


def test_only_detached_disks_are_deleted(member: User, stranger: User, make_guest: Callable[..., Guest], api_for: Api) -> None:
    make_guest()
    volume = Volume.objects.get()
    path = f"/api/v1/volumes/{volume.pk}/"
    assert api_for(stranger).delete(path).status_code == 404
    assert api_for(member).delete(path).status_code == 409
    assert not Job.objects.exists()
    GuestDisk.objects.all().delete()
    assert [row["id"] for row in api_for(member).get("/api/v1/volumes/?detached=true").json()["results"]] == [str(volume.pk)]
    assert api_for(member).delete(path).status_code == 202
