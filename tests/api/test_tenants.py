"""Tenants, members, quotas, tokens, the audit trail and me/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tenants.models import ApiToken, AuditEntry, Membership, Tenant, User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


def test_me_tells_roles_and_permissions(member: User, tenant: Tenant, api_for: Api) -> None:
    me = api_for(member).get("/api/v1/me/").json()
    assert me["username"] == "mia"
    assert me["tenants"][0]["role"] == "member"
    assert "guest.create" in me["tenants"][0]["permissions"]
    assert "tenant.create" not in me["permissions"]
    assert api_for(member, scope="read").get("/api/v1/me/").json()["tenants"][0]["permissions"] == []


def test_an_admin_creates_a_tenant_and_nobody_else(admin: User, operator: User, owner: User, api_for: Api) -> None:
    answer = api_for(admin).post("/api/v1/tenants/", {"name": "initech"})
    assert answer.status_code == 201
    assert api_for(admin).get(f"/api/v1/tenants/{answer.json()['id']}/").json()["name"] == "initech"
    for user in (operator, owner):
        answer = api_for(user).post("/api/v1/tenants/", {"name": "other"})
        assert answer.status_code == 403
        assert "admin" in answer.json()["error"]["message"]
    assert AuditEntry.objects.filter(operation="tenant.create", outcome="refused").count() == 2


def test_a_taken_name_is_409(admin: User, tenant: Tenant, api_for: Api) -> None:
    assert api_for(admin).post("/api/v1/tenants/", {"name": tenant.name}).status_code == 409


def test_an_owner_adds_members_and_changes_their_role(owner: User, stranger: User, tenant: Tenant, api_for: Api) -> None:
    path = f"/api/v1/tenants/{tenant.pk}/members/"
    assert api_for(owner).post(path, {"username": "sam", "role": "viewer"}).status_code == 201
    assert api_for(owner).post(path, {"username": "sam", "role": "member"}).status_code == 201
    assert Membership.objects.get(tenant=tenant, user=stranger).role == "member"
    assert [line["user"]["username"] for line in api_for(owner).get(path).json()["results"]] == ["owen", "sam"]


def test_only_an_admin_makes_accounts(admin: User, owner: User, tenant: Tenant, api_for: Api) -> None:
    path, body = f"/api/v1/tenants/{tenant.pk}/members/", {"username": "new", "role": "owner", "create": True}
    assert api_for(owner).post(path, body).status_code == 403
    assert not User.objects.filter(username="new").exists()
    assert api_for(admin).post(path, body).status_code == 201
    assert not User.objects.get(username="new").has_usable_password()


def test_an_unknown_user_is_404_and_names_the_field(owner: User, tenant: Tenant, api_for: Api) -> None:
    answer = api_for(owner).post(f"/api/v1/tenants/{tenant.pk}/members/", {"username": "nobody", "role": "viewer"})
    assert answer.status_code == 404
    assert "username" in answer.json()["error"]["details"]["fields"]


def test_quota_is_set_by_admins_and_read_by_members(admin: User, viewer: User, tenant: Tenant, api_for: Api) -> None:
    path = f"/api/v1/tenants/{tenant.pk}/quota/"
    assert api_for(admin).put(path, {"guests": 3, "vcpus": None}).json()["guests"] == 3
    assert api_for(admin).put(path, {"vcpus": 8}).json()["guests"] == 3
    assert api_for(viewer).get(path).json() == {
        "guests": 3,
        "vcpus": 8,
        "memory_mib": None,
        "disk_gib": None,
        "snapshots": None,
        "image_gib": None,
        "running_jobs": None,
        "follows_default": ["memory_mib", "disk_gib", "snapshots", "image_gib", "running_jobs"],
    }
    assert api_for(viewer).put(path, {"guests": 100}).status_code == 403
    assert api_for(viewer).get(f"/api/v1/tenants/{tenant.pk}/usage/").json()["guests"]["limit"] == 3


def test_a_token_is_shown_once_and_works_until_it_is_deleted(member: User, api_for: Api) -> None:
    api = api_for(member)
    made = api.post("/api/v1/tokens/", {"name": "ci", "scope": "read"})
    assert made.status_code == 201
    other = APIClient()
    other.credentials(HTTP_AUTHORIZATION=f"Token {made.json()['token']}")
    assert other.get("/api/v1/me/").json()["scope"] == "read"
    assert made.json()["token"] not in str(api.get("/api/v1/tokens/").json())
    assert other.post("/api/v1/tokens/", {"name": "more"}).status_code == 403
    assert api.delete(f"/api/v1/tokens/{made.json()['id']}/").status_code == 204
    assert other.get("/api/v1/me/").status_code == 401


def test_a_token_cannot_make_a_stronger_one(owner: User, tenant: Tenant, api_for: Api) -> None:
    assert api_for(owner, scope="operate").post("/api/v1/tokens/", {"name": "up", "scope": "admin"}).status_code == 403
    narrow = api_for(owner, tenant=tenant)
    assert narrow.post("/api/v1/tokens/", {"name": "wide", "scope": "read"}).status_code == 403
    assert narrow.post("/api/v1/tokens/", {"name": "same", "scope": "read", "tenant": str(tenant.pk)}).status_code == 201


def test_a_token_for_a_foreign_tenant_is_404(member: User, other_tenant: Tenant, api_for: Api) -> None:
    assert api_for(member).post("/api/v1/tokens/", {"name": "x", "tenant": str(other_tenant.pk)}).status_code == 404


def test_others_tokens_are_404(member: User, owner: User, api_for: Api) -> None:
    made = api_for(owner).post("/api/v1/tokens/", {"name": "x"}).json()
    assert api_for(member).delete(f"/api/v1/tokens/{made['id']}/").status_code == 404
    assert ApiToken.objects.filter(user=owner, name="x").exists()


def test_the_audit_trail_is_scoped(admin: User, owner: User, viewer: User, stranger: User, tenant: Tenant, api_for: Api) -> None:
    api_for(admin).put(f"/api/v1/tenants/{tenant.pk}/quota/", {"guests": 3})
    people = (admin, owner, viewer, stranger)
    seen: dict[str, Any] = {user.username: api_for(user).get("/api/v1/audit/").json()["results"] for user in people}
    for name, address in (("ada", "127.0.0.1"), ("owen", "127.0.0.1"), ("vera", "")):
        assert [(line["operation"], line["address"]) for line in seen[name]] == [("tenant.set_quota", address)]
    assert seen["sam"] == []


def test_a_token_of_one_tenant_sees_no_records_of_another(owner: User, tenant: Tenant, other_tenant: Tenant, api_for: Api) -> None:
    AuditEntry.objects.create(
        operation="guest.start", outcome="done", actor_label="owen", actor_user_id=owner.pk, tenant_id=other_tenant.pk
    )
    assert api_for(owner, tenant=tenant).get("/api/v1/audit/").json()["results"] == []
    assert len(api_for(owner).get("/api/v1/audit/").json()["results"]) == 1
