"""The pages of API tokens: a key is in one answer only, and admins see everybody's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tenants import services
from tenants.actor import Actor
from tenants.models import ApiToken, AuditEntry, User

pytestmark = pytest.mark.django_db
KEY = re.compile(r"kvmw_[0-9a-f]{64}")


@pytest.fixture
def token(member_actor: Actor) -> ApiToken:
    return services.create_token(member_actor, None, name="ci", scope="operate").token


def test_a_new_key_is_shown_once_and_kept_by_no_cache(member: User, client_for: Any) -> None:
    client: Client = client_for(member)
    answer = client.post("/tokens/new/", {"name": "backup", "scope": "read", "days": "90"})
    assert len(set(KEY.findall(answer.content.decode()))) == 1
    assert "no-store" in answer["Cache-Control"]
    listed = client.get("/tokens/").content.decode()
    assert "backup" in listed
    assert not KEY.search(listed)
    row = ApiToken.objects.get(name="backup")
    assert 89 <= (row.expiry - row.created).days <= 90


@pytest.mark.parametrize(
    ("data", "said"), [({"scope": "read"}, "required"), ({"name": "x", "scope": "root", "days": "90"}, "not one of the available choices")]
)
def test_a_bad_form_says_what_is_wrong(member: User, client_for: Any, data: dict[str, str], said: str) -> None:
    answer = client_for(member).post("/tokens/new/", data)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_with_a_longest_life_there_is_no_never(member: User, client_for: Any, settings: Any) -> None:
    settings.TOKEN_MAX_DAYS = 30
    client = client_for(member)
    page = client.get("/tokens/new/").content.decode()
    assert "in 30 days" in page
    assert "never" not in page
    assert "in 90 days" not in page
    assert client.post("/tokens/new/", {"name": "x", "scope": "read", "days": ""}).status_code == 422


def test_rotating_shows_the_new_key(member: User, token: ApiToken, client_for: Any) -> None:
    client = client_for(member)
    assert "stops working at once" in client.get(f"/tokens/{token.public_id}/rotate/").content.decode()
    answer = client.post(f"/tokens/{token.public_id}/rotate/")
    assert KEY.search(answer.content.decode())
    assert not ApiToken.objects.filter(pk=token.pk).exists()
    assert ApiToken.objects.get().scope == "operate"


def test_revoking_asks_first(member: User, token: ApiToken, client_for: Any) -> None:
    client = client_for(member)
    assert "This cannot be undone" in client.get(f"/tokens/{token.public_id}/revoke/").content.decode()
    assert ApiToken.objects.exists()
    assert client.post(f"/tokens/{token.public_id}/revoke/").status_code == 302
    assert not ApiToken.objects.exists()


def test_admins_see_and_revoke_everybodys_and_others_only_their_own(admin: User, operator: User, token: ApiToken, client_for: Any) -> None:
    assert "ci" in client_for(admin).get("/tokens/?of=everybody").content.decode()
    assert ">mia<" not in client_for(operator).get("/tokens/?of=everybody").content.decode()
    assert client_for(operator).post(f"/tokens/{token.public_id}/revoke/").status_code == 404
    assert client_for(admin).post(f"/tokens/{token.public_id}/rotate/").status_code == 403
    assert client_for(admin).post(f"/tokens/{token.public_id}/revoke/").status_code == 302
    entry = AuditEntry.objects.get(operation="token.delete")
    assert (entry.actor_label, entry.target_name) == ("ada", "ci")


def test_a_refusal_for_too_many_is_said_in_the_dialog(member: User, token: ApiToken, client_for: Any, settings: Any) -> None:
    settings.TOKENS_PER_USER = 1
    answer = client_for(member).post("/tokens/new/", {"name": "x", "scope": "read", "days": "90"})
    assert answer.status_code == 422
    assert "Revoke one you no longer need." in answer.content.decode()
