"""API tokens: made, used, refused, rotated, revoked; never more than their user, never shown twice."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tenants import token_use
from tenants.models import ApiToken, AuditEntry, Membership, Tenant, User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
TOKENS = "/api/v1/tokens/"


@pytest.fixture(autouse=True)
def fresh_memory() -> None:
    token_use._recent.clear()


def make(api: APIClient, **fields: Any) -> dict[str, Any]:
    answer = api.post(TOKENS, {"name": "ci", **fields})
    assert answer.status_code == 201, answer.content
    return answer.json()


def using(key: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client


def records(operation: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(operation=operation).order_by("pk"))


def test_a_key_can_be_recognised_and_works(member: User, api_for: Api) -> None:
    made = make(api_for(member), scope="operate")
    assert made["token"].startswith("kvmw_")
    assert made["begins_with"] == made["token"][:12]
    assert using(made["token"]).get("/api/v1/me/").json()["scope"] == "operate"
    listed = {row["id"]: row for row in api_for(member).get(TOKENS).json()["results"]}
    assert "token" not in listed[made["id"]]
    assert listed[made["id"]]["user"]["username"] == "mia"


def test_a_key_made_before_there_was_a_prefix_still_works(member: User) -> None:
    _, key = ApiToken.objects.create(user=member, name="old", scope="read", prefix="")
    assert not key.startswith("kvmw_")
    assert using(key).get("/api/v1/me/").status_code == 200


def test_when_and_where_it_was_used_is_kept(member: User, api_for: Api) -> None:
    made = make(api_for(member))
    client = using(made["token"])
    client.get("/api/v1/me/", REMOTE_ADDR="192.0.2.9")
    row = ApiToken.objects.get(public_id=made["id"])
    assert (row.last_used_address, row.last_used_at is not None) == ("192.0.2.9", True)
    client.get("/api/v1/me/", REMOTE_ADDR="192.0.2.10")
    row.refresh_from_db()
    assert row.last_used_address == "192.0.2.10", "another address is told at once"


def test_creating_and_revoking_are_recorded_without_the_key(member: User, client_for: Any, api_for: Api) -> None:
    made = make(api_for(member))
    api_for(member).delete(f"{TOKENS}{made['id']}/")
    created, deleted = records("token.create")[0], records("token.delete")[0]
    for entry in (created, deleted):
        assert (entry.target_type, entry.target_id, entry.target_name) == ("apitoken", made["id"], "ci")
        assert entry.details["begins_with"] == made["begins_with"]
    whole = str(list(AuditEntry.objects.values()))
    assert made["token"] not in whole
    assert made["token"][12:30] not in whole
    assert using(made["token"]).get("/api/v1/me/").status_code == 401


def test_what_a_token_does_names_the_token(member: User, make_guest: Any, api_for: Api) -> None:
    key = make(api_for(member), scope="operate", name="deploy")["token"]
    using(key).patch(f"/api/v1/guests/{make_guest().pk}/", {"description": "x"})
    assert records("guest.change")[0].details["token"] == f"deploy ({key[:12]})"


def test_most_tokens_per_user(member: User, api_for: Api, settings: Any) -> None:
    api = api_for(member)
    settings.TOKENS_PER_USER = 3
    ApiToken.objects.create(user=member, name="gone", scope="read", expiry=timedelta(seconds=-1))
    make(api)
    make(api)
    answer = api.post(TOKENS, {"name": "one too many"})
    assert (answer.status_code, answer.json()["error"]["hint"]) == (409, "Revoke one you no longer need.")


@pytest.mark.parametrize("days", [None, 31])
def test_a_token_cannot_outlive_the_limit(member: User, api_for: Api, settings: Any, days: int | None) -> None:
    settings.TOKEN_MAX_DAYS = 30
    expires_at = (timezone.now() + timedelta(days=days)).isoformat() if days else None
    answer = api_for(member).post(TOKENS, {"name": "x", "expires_at": expires_at})
    assert answer.status_code == 400
    assert "30 days at most" in answer.json()["error"]["details"]["fields"]["expires_at"][0]
    make(api_for(member), expires_at=(timezone.now() + timedelta(days=30)).isoformat())


def test_rotating_gives_a_new_key_and_ends_the_old(member: User, api_for: Api) -> None:
    expires_at = timezone.now() + timedelta(days=7)
    made = make(api_for(member), scope="operate", expires_at=expires_at.isoformat())
    answer = api_for(member).post(f"{TOKENS}{made['id']}/rotate/")
    assert answer.status_code == 201, answer.content
    new = answer.json()
    assert (new["name"], new["scope"]) == ("ci", "operate")
    assert ApiToken.objects.get(public_id=new["id"]).expiry - expires_at < timedelta(minutes=1)
    assert using(made["token"]).get("/api/v1/me/").status_code == 401
    assert using(new["token"]).get("/api/v1/me/").status_code == 200
    assert records("token.rotate")[0].details["replaces"] == made["begins_with"]


def test_a_weak_token_cannot_rotate_itself_a_strong_one(member: User, tenant: Tenant, api_for: Api) -> None:
    strong = make(api_for(member), scope="admin")
    operate = api_for(member, scope="operate")
    assert operate.post(f"{TOKENS}{strong['id']}/rotate/").status_code == 403
    narrow = api_for(member, tenant=tenant)
    assert narrow.post(f"{TOKENS}{strong['id']}/rotate/").status_code == 404
    assert using(strong["token"]).get("/api/v1/me/").status_code == 200


def test_a_token_that_ends_leaves_no_key_behind_that_lives_longer(member: User, api_for: Api) -> None:
    ends = timezone.now() + timedelta(hours=1)
    short = using(make(api_for(member), scope="operate", expires_at=ends.isoformat())["token"])
    for expires_at in (None, (ends + timedelta(days=1)).isoformat()):
        answer = short.post(TOKENS, {"name": "x", "scope": "operate", "expires_at": expires_at})
        assert answer.status_code == 400, answer.content
        assert "lives longer" in answer.json()["error"]["details"]["fields"]["expires_at"][0]
    make(short, expires_at=(ends - timedelta(minutes=1)).isoformat())
    endless = make(api_for(member), scope="operate")
    rotated = short.post(f"{TOKENS}{endless['id']}/rotate/")
    assert rotated.status_code == 201, rotated.content
    assert abs(ApiToken.objects.get(public_id=rotated.json()["id"]).expiry - ends) < timedelta(minutes=1)


def test_the_place_in_the_list_does_not_hold_the_digest_of_a_key(member: User, client_for: Any) -> None:
    for number in range(3):
        ApiToken.objects.create(user=member, name=f"ci-{number}", scope="read")
    client, seen, url = client_for(member), [], f"{TOKENS}?page_size=1"
    while url:
        page = client.get(url).json()
        seen += [token["name"] for token in page["results"]]
        url = page["next"]
        cursor = parse_qs(urlsplit(url).query)["cursor"][0] if url else ""
        assert not any(token.digest in base64.urlsafe_b64decode(cursor).decode() for token in ApiToken.objects.all())
    assert seen == ["ci-2", "ci-1", "ci-0"]


def test_a_read_token_makes_rotates_and_revokes_nothing(member: User, api_for: Api) -> None:
    made = make(api_for(member))
    reader = using(made["token"])
    assert reader.post(TOKENS, {"name": "x"}).status_code == 403
    assert reader.post(f"{TOKENS}{made['id']}/rotate/").status_code == 403
    assert reader.delete(f"{TOKENS}{made['id']}/").status_code == 403


def test_an_admin_sees_and_revokes_anybodys_and_makes_none_for_others(admin: User, operator: User, member: User, api_for: Api) -> None:
    made = make(api_for(member))
    path = f"{TOKENS}{made['id']}/"
    assert api_for(operator).get(path).status_code == 404
    listed = api_for(operator).get(f"{TOKENS}?everybodys=true").json()["results"]
    assert {row["user"]["username"] for row in listed} == {"olga"}
    everybodys = api_for(admin).get(f"{TOKENS}?everybodys=true&search=mia").json()["results"]
    assert made["id"] in [row["id"] for row in everybodys]
    assert api_for(admin).post(f"{path}rotate/").status_code == 403
    assert api_for(admin).delete(path).status_code == 204
    assert using(made["token"]).get("/api/v1/me/").status_code == 401
    assert (records("token.delete")[0].actor_label, records("token.delete")[0].details["owner"]) == ("ada", "mia")


def test_a_token_for_one_tenant_sees_that_tenants_tokens_only(owner: User, tenant: Tenant, other_tenant: Tenant, api_for: Api) -> None:
    Membership.objects.create(tenant=other_tenant, user=owner, role="owner")
    other = make(api_for(owner), tenant=str(other_tenant.pk))
    narrow = api_for(owner, tenant=tenant)
    assert other["id"] not in [row["id"] for row in narrow.get(TOKENS).json()["results"]]
    assert narrow.delete(f"{TOKENS}{other['id']}/").status_code == 404


def test_the_tokens_of_a_disabled_account_are_refused(member: User, api_for: Api) -> None:
    key = make(api_for(member))["token"]
    User.objects.filter(pk=member.pk).update(is_active=False)
    assert using(key).get("/api/v1/me/").status_code == 401
    entry = records("token.use")[0]
    assert (entry.actor_label, entry.outcome, entry.message) == ("mia", "refused", "The account is disabled.")


def test_an_expired_key_is_refused_and_recorded_once_a_minute(member: User, api_for: Api) -> None:
    made = make(api_for(member))
    ApiToken.objects.filter(public_id=made["id"]).update(expiry=timezone.now() - timedelta(seconds=1))
    for _ in range(5):
        assert using(made["token"]).get("/api/v1/me/").status_code == 401
    (entry,) = records("token.use")
    assert (entry.actor_label, entry.message, entry.target_id) == ("mia", "The token has expired.", made["id"])


def test_made_up_keys_cannot_fill_the_trail(db: None) -> None:
    for number in range(200):
        assert using(f"kvmw_{number:064x}"[::-1]).get("/api/v1/me/").status_code == 401
    assert len(records("token.use")) == token_use.MOST_A_MINUTE
    assert all(len(entry.details["begins_with"]) <= 4 for entry in records("token.use")), "what is no key of ours may be a password"


@pytest.mark.parametrize(
    "header", ["Token \xff\xfe", "Token", "Token a b", "Token " + "x" * 5000, "Token \u20ac".encode().decode("latin-1")]
)
def test_odd_headers_are_401(db: None, header: str) -> None:
    assert APIClient().get("/api/v1/me/", HTTP_AUTHORIZATION=header).status_code == 401
