"""Members of a tenant: added, given another role, removed, leaving. A tenant always keeps an owner."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from kvmweb.errors import Conflict, NotAllowed, NotFound
from tenants.actor import Actor, actor_for
from tenants.models import ApiToken, AuditEntry, Membership, Tenant, User
from tenants.services.members import add_member, change_member, leave_tenant, remove_member

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


def role_of(user: User, tenant: Tenant) -> str | None:
    return Membership.objects.filter(tenant=tenant, user=user).values_list("role", flat=True).first()


def path(tenant: Tenant, user: User) -> str:
    return f"/api/v1/tenants/{tenant.pk}/members/{user.pk}/"


def test_an_owner_changes_a_role_and_the_trail_keeps_the_difference(owner: User, viewer: User, tenant: Tenant, api_for: Api) -> None:
    answer = api_for(owner).patch(path(tenant, viewer), {"role": "member"})
    assert (answer.status_code, answer.json()["role"]) == (200, "member")
    assert role_of(viewer, tenant) == "member"
    entry = AuditEntry.objects.get(operation="tenant.change_member")
    assert entry.details["changes"]["role"] == ["viewer", "member"]
    assert "vera" in entry.message


def test_the_same_role_again_changes_nothing(owner: User, viewer: User, tenant: Tenant, api_for: Api) -> None:
    for _ in range(2):
        assert api_for(owner).patch(path(tenant, viewer), {"role": "viewer"}).status_code == 200
    assert role_of(viewer, tenant) == "viewer"


@pytest.mark.parametrize("person", ["viewer", "member"])
def test_below_owner_nobody_is_changed_or_removed(
    person: str, owner: User, tenant: Tenant, api_for: Api, request: pytest.FixtureRequest
) -> None:
    api = api_for(request.getfixturevalue(person))
    assert api.patch(path(tenant, owner), {"role": "viewer"}).status_code == 403
    assert api.delete(path(tenant, owner)).status_code == 403
    assert role_of(owner, tenant) == "owner"


def test_a_stranger_does_not_learn_who_is_there(stranger: User, owner: User, tenant: Tenant, api_for: Api) -> None:
    assert api_for(stranger).patch(path(tenant, owner), {"role": "viewer"}).status_code == 404
    assert api_for(stranger).delete(path(tenant, owner)).status_code == 404


def test_the_last_owner_stays_owner(owner: User, operator_actor: Actor, tenant: Tenant, api_for: Api) -> None:
    api = api_for(owner)
    for answer in (api.patch(path(tenant, owner), {"role": "member"}), api.delete(path(tenant, owner))):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "last_owner")
        assert "owner first" in answer.json()["error"]["hint"]
    with pytest.raises(Conflict):
        remove_member(operator_actor, tenant, owner)
    with pytest.raises(Conflict):
        add_member(operator_actor, tenant, username="owen", role="viewer")
    assert role_of(owner, tenant) == "owner"


def test_an_owner_whose_account_is_disabled_does_not_count(owner: User, member: User, owner_actor: Actor, tenant: Tenant) -> None:
    change_member(owner_actor, tenant, member, role="owner")
    User.objects.filter(pk=member.pk).update(is_active=False)
    with pytest.raises(Conflict, match="last owner"):
        leave_tenant(owner_actor, tenant)


def test_with_two_owners_one_may_go(owner: User, member: User, owner_actor: Actor, tenant: Tenant) -> None:
    change_member(owner_actor, tenant, member, role="owner")
    leave_tenant(owner_actor, tenant)
    assert role_of(owner, tenant) is None
    with pytest.raises(Conflict):
        leave_tenant(actor_for(member), tenant)


def test_everybody_may_leave(viewer: User, member: User, tenant: Tenant, api_for: Api, owner: User) -> None:
    for person in (viewer, member):
        assert api_for(person).delete(path(tenant, person)).status_code == 204
        assert role_of(person, tenant) is None
    assert AuditEntry.objects.filter(operation="tenant.leave", outcome="done").count() == 2


def test_who_is_removed_loses_tokens_for_that_tenant_alone(
    owner_actor: Actor, member: User, tenant: Tenant, other_tenant: Tenant, api_for: Api
) -> None:
    Membership.objects.create(tenant=other_tenant, user=member, role="member")
    narrow, other, wide = api_for(member, tenant=tenant), api_for(member, tenant=other_tenant), api_for(member)
    remove_member(owner_actor, tenant, member)
    assert narrow.get("/api/v1/me/").status_code == 401
    assert other.get("/api/v1/me/").status_code == 200
    assert [line["name"] for line in wide.get("/api/v1/tenants/").json()["results"]] == ["globex"]
    assert ApiToken.objects.filter(user=member).count() == 2


def test_who_is_no_member_cannot_be_removed(owner_actor: Actor, stranger: User, tenant: Tenant) -> None:
    with pytest.raises(NotFound):
        remove_member(owner_actor, tenant, stranger)


def test_nobody_gives_more_than_they_have(owner_actor: Actor, stranger: User, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the table ever to let members add people, they still could not make owners."""
    monkeypatch.setitem(__import__("tenants.policy").policy.LEAST_ROLE, "tenant.add_member", 1)
    user = User.objects.create_user("vic")
    Membership.objects.create(tenant=tenant, user=user, role="member")
    with pytest.raises(NotAllowed, match="more than you are"):
        add_member(actor_for(user), tenant, username="sam", role="owner")


def test_a_disabled_tenant_is_out_of_sight_at_once(admin: User, owner: User, tenant: Tenant, api_for: Api) -> None:
    api = api_for(owner)
    assert api.get(f"/api/v1/tenants/{tenant.pk}/").status_code == 200
    assert api_for(admin).patch(f"/api/v1/tenants/{tenant.pk}/", {"is_active": False}).status_code == 200
    assert api.get(f"/api/v1/tenants/{tenant.pk}/").status_code == 404


def test_a_tenant_with_guests_is_not_deleted_and_they_are_named(
    admin: User, tenant: Tenant, make_guest: Callable[..., object], api_for: Api
) -> None:
    make_guest("web-1")
    answer = api_for(admin).delete(f"/api/v1/tenants/{tenant.pk}/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "tenant_in_use")
    assert "1 guest (web-1)" in answer.json()["error"]["message"]
    assert Tenant.objects.filter(pk=tenant.pk).exists()


def test_an_empty_tenant_is_deleted_with_its_memberships(admin: User, owner: User, tenant: Tenant, api_for: Api) -> None:
    assert api_for(owner).delete(f"/api/v1/tenants/{tenant.pk}/").status_code == 403
    assert api_for(admin).delete(f"/api/v1/tenants/{tenant.pk}/").status_code == 204
    assert api_for(admin).delete(f"/api/v1/tenants/{tenant.pk}/").status_code == 404
    assert not Membership.objects.exists()
    assert User.objects.filter(pk=owner.pk).exists()


def test_the_page_lists_members_and_disables_with_the_reason(
    viewer: User, owner: User, tenant: Tenant, client_for: Callable[[User], Client]
) -> None:
    page = client_for(viewer).get(f"/tenants/{tenant.pk}/?tab=members")
    assert page.status_code == 200
    text = page.content.decode()
    assert "owen" in text
    assert "This needs the role owner" in text
    assert "Invite by link" in text


def test_the_page_changes_and_removes(owner: User, viewer: User, tenant: Tenant, client_for: Callable[[User], Client]) -> None:
    client = client_for(owner)
    assert client.get(f"/tenants/{tenant.pk}/members/{viewer.pk}/role/").status_code == 200
    client.post(f"/tenants/{tenant.pk}/members/{viewer.pk}/role/", {"role": "member"})
    assert role_of(viewer, tenant) == "member"
    refused = client.post(f"/tenants/{tenant.pk}/members/{owner.pk}/remove/", {"sure": "yes"})
    assert refused.status_code == 422
    assert "last owner" in refused.content.decode()
    client.post(f"/tenants/{tenant.pk}/members/{viewer.pk}/remove/", {"sure": "yes"})
    assert role_of(viewer, tenant) is None


def test_an_account_made_with_its_membership_is_in_the_trail(admin: User, tenant: Tenant, api_for: Api) -> None:
    answer = api_for(admin).post(f"/api/v1/tenants/{tenant.pk}/members/", {"username": "nina", "role": "member", "create": True})
    assert answer.status_code == 201, answer.content
    entry = AuditEntry.objects.get(operation="user.create")
    assert (entry.target_id, entry.outcome) == (str(User.objects.get(username="nina").pk), "done")
