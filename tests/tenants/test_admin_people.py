"""People in Django admin: saved through the services, so that the last admin and the last owner stay, and the trail has the difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tenants.models import AuditEntry, Membership, Tenant, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def form_of(client: Client, path: str) -> dict[str, Any]:
    """What the page's form would send unchanged."""
    context = client.get(path).context
    admin_form = context["adminform"].form
    data: dict[str, Any] = {}
    for bound in admin_form:
        add(data, bound)
    for wrapped in context["inline_admin_formsets"]:
        for form in [wrapped.formset.management_form, *wrapped.formset.forms]:
            for bound in form:
                add(data, bound)
    return data


def add(data: dict[str, Any], bound: Any) -> None:
    value = bound.value()
    if value is True:
        data[bound.html_name] = "on"
    elif value is not None and value is not False:
        data[bound.html_name] = getattr(value, "pk", value)


def user_page(user: User) -> str:
    return f"/admin/tenants/user/{user.pk}/change/"


def messages_of(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def test_a_role_is_given_and_the_trail_has_the_difference(admin: User, member: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    data = form_of(client, user_page(member)) | {"system_role": "operator"}
    assert client.post(user_page(member), data).status_code == 302
    member.refresh_from_db()
    assert member.system_role == "operator"
    entry = AuditEntry.objects.get(operation="user.change", outcome="done")
    assert entry.details["changes"]["system_role"] == ["", "operator"]
    assert entry.actor_label == "ada"


@pytest.mark.parametrize("change", [{"system_role": "operator"}, {"is_active": ""}])
def test_the_last_admin_stays_one(change: dict[str, str], admin: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    data = {name: value for name, value in (form_of(client, user_page(admin)) | change).items() if value != ""}
    answer = client.post(user_page(admin), data, follow=True)
    assert "last admin" in messages_of(answer)
    admin.refresh_from_db()
    assert (admin.system_role, admin.is_active) == ("admin", True)
    assert AuditEntry.objects.filter(operation="user.change", outcome="refused").exists()


def test_of_two_admins_one_may_be_demoted_and_is(admin: User, member: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    client.post(user_page(member), form_of(client, user_page(member)) | {"system_role": "admin"})
    member.refresh_from_db()
    assert member.is_superuser
    client.post(user_page(member), form_of(client, user_page(member)) | {"system_role": ""})
    member.refresh_from_db()
    assert (member.system_role, member.is_superuser, member.is_staff) == ("", False, False)


def test_a_new_user_is_made_through_the_service(admin: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    given = form_of(client, "/admin/tenants/user/add/")
    given |= {"username": "ned", "system_role": "auditor", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    answer = client.post("/admin/tenants/user/add/", given)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert User.objects.get(username="ned").system_role == "auditor"
    assert AuditEntry.objects.filter(operation="user.create", target_name="ned").exists()


def test_memberships_in_the_tenants_page_keep_an_owner(
    admin: User, owner: User, member: User, tenant: Tenant, client_for: ClientFor
) -> None:
    client, path = client_for(admin), f"/admin/tenants/tenant/{tenant.pk}/change/"
    data = form_of(client, path)
    prefix = next(name.removesuffix("-user") for name, value in data.items() if name.endswith("-user") and str(value) == str(owner.pk))
    answer = client.post(path, data | {f"{prefix}-role": "viewer"}, follow=True)
    assert "last owner" in messages_of(answer)
    assert Membership.objects.get(user=owner).role == "owner"
    mine = next(name.removesuffix("-user") for name, value in data.items() if name.endswith("-user") and str(value) == str(member.pk))
    client.post(path, data | {f"{mine}-role": "owner", f"{prefix}-role": "viewer"})
    assert (Membership.objects.get(user=owner).role, Membership.objects.get(user=member).role) == ("viewer", "owner")


def test_a_membership_removed_in_the_users_page(admin: User, viewer: User, owner: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    client.post(user_page(viewer), form_of(client, user_page(viewer)) | {"memberships-0-DELETE": "on"})
    assert not Membership.objects.filter(user=viewer).exists()
    assert AuditEntry.objects.filter(operation="tenant.remove_member", outcome="done").exists()
    client.post(user_page(owner), form_of(client, user_page(owner)) | {"memberships-0-DELETE": "on"})
    assert Membership.objects.filter(user=owner).exists()


def test_the_last_owner_and_oneself_cannot_be_deleted(admin: User, owner: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    answer = client.post(f"/admin/tenants/user/{owner.pk}/delete/", {"post": "yes"}, follow=True)
    assert "last owner" in messages_of(answer)
    client.post(f"/admin/tenants/user/{admin.pk}/delete/", {"post": "yes"})
    bulk = {"action": "delete_selected", "_selected_action": [str(owner.pk), str(admin.pk)], "post": "yes"}
    client.post("/admin/tenants/user/", bulk)
    assert User.objects.filter(pk__in=[owner.pk, admin.pk]).count() == 2


def test_a_tenant_is_made_and_switched_off_through_the_service(admin: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    data = form_of(client, "/admin/tenants/tenant/add/") | {"name": "initech"}
    assert client.post("/admin/tenants/tenant/add/", data).status_code == 302
    tenant = Tenant.objects.get(name="initech")
    path = f"/admin/tenants/tenant/{tenant.pk}/change/"
    client.post(path, {name: value for name, value in form_of(client, path).items() if name != "is_active"})
    tenant.refresh_from_db()
    assert not tenant.is_active
    assert AuditEntry.objects.filter(operation="tenant.create", target_name="initech").exists()
    assert AuditEntry.objects.get(operation="tenant.change").details["changes"]["is_active"] == [True, False]


def test_lists_search_and_filter(admin: User, member: User, stranger: User, tenant: Tenant, client_for: ClientFor) -> None:
    client = client_for(admin)
    for path in (
        "user/?q=mia",
        f"user/?memberships__tenant__id__exact={tenant.pk}",
        "membership/?q=mia",
        "membership/?role__exact=member",
        "tenant/?q=acme",
    ):
        page = client.get(f"/admin/tenants/{path}")
        assert page.status_code == 200, path
        assert page.context["cl"].result_count == 1, path


def test_the_administration_is_shut_while_viewing_as_a_tenant(admin: User, tenant: Tenant, client_for: ClientFor) -> None:
    client = client_for(admin)
    client.post(f"/tenants/{tenant.pk}/view-as/")
    assert client.get("/admin/", follow=True).status_code == 403
    assert client.get("/admin/tenants/user/", follow=True).status_code == 403
