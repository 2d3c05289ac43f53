"""The admin of quotas: limits beside use, one tenant or many at a time, defaults, history. Everything goes through the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from guests.models import Guest
from tenants.models import AuditEntry, Quota, QuotaChange, QuotaDefault, QuotaRequest, Tenant, User
from tenants.quota import limits_of

pytestmark = pytest.mark.django_db
LIST = "/admin/tenants/tenantquota/"
MakeGuest = Callable[..., Guest]


@pytest.fixture
def client(admin: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(admin)


def form(kind: str = "default", **limits: Any) -> dict[str, Any]:
    """Every limit is `kind`, but those named: a number, or a kind."""
    data: dict[str, Any] = {f"{name}_kind": kind for name in Quota.RESOURCES}
    for name, limit in limits.items():
        if isinstance(limit, tuple):
            data[f"{name}_kind"], data[name] = limit
        elif isinstance(limit, str):
            data[f"{name}_kind"] = limit
        else:
            data[f"{name}_kind"], data[name] = "own", limit
    return data


def test_the_list_shows_each_tenants_limits_beside_its_use(client: Client, tenant: Tenant, make_guest: MakeGuest) -> None:
    make_guest("web-1")
    Quota.objects.create(tenant=tenant, guests=4)
    text = client.get(LIST).content.decode()
    assert "1 of 4" in text
    assert '<progress class="" max="1" value="0.25" aria-label="Guests">' in text


def test_the_list_costs_the_same_for_any_number_of_tenants(client: Client, tenant: Tenant) -> None:
    client.get(LIST)
    counts = []
    for more in (0, 30):
        Tenant.objects.bulk_create(Tenant(name=f"t{number}") for number in range(more))
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_nearly_full_and_search_narrow_the_list(client: Client, tenant: Tenant, other_tenant: Tenant, make_guest: MakeGuest) -> None:
    make_guest("web-1")
    Quota.objects.create(tenant=tenant, guests=1)
    Quota.objects.create(tenant=other_tenant, guests=1)
    names = {query: client.get(f"{LIST}?{query}").context["cl"].result_list for query in ("use=nearly", "use=full", "q=glob", "use=own")}
    assert {query: sorted(row.name for row in rows) for query, rows in names.items()} == {
        "use=nearly": ["acme"],
        "use=full": ["acme"],
        "q=glob": ["globex"],
        "use=own": ["acme", "globex"],
    }


def test_one_tenants_limits_are_changed_through_the_service(client: Client, tenant: Tenant) -> None:
    QuotaDefault.objects.create(vcpus=8)
    page = f"{LIST}{tenant.pk}/change/"
    assert client.get(page).status_code == 200
    answer = client.post(page, {**form(guests=5, disk_gib="none"), "reason": "Contract 17."})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    limits = limits_of(tenant.pk)
    assert (limits["guests"], limits["disk_gib"], limits["vcpus"]) == (5, None, 8)
    change = QuotaChange.objects.get()
    assert (change.before, change.after) == ({"guests": "default", "disk_gib": "default"}, {"guests": 5, "disk_gib": None})
    assert (change.actor_label, change.reason) == ("ada", "Contract 17.")
    recorded = AuditEntry.objects.filter(outcome="done").exclude(operation="login").values_list("operation", flat=True)
    assert list(recorded) == ["tenant.set_quota"]
    text = client.get(page).content.decode()
    assert "Contract 17." in text
    assert "Guests: default → 5" in text


def test_a_limit_without_a_number_is_refused(client: Client, tenant: Tenant) -> None:
    answer = client.post(f"{LIST}{tenant.pk}/change/", form(guests=("own", "")))
    assert "Fill in a number." in answer.content.decode()
    assert not Quota.objects.exists()


def bulk(client: Client, tenants: list[Tenant], step: str = "", **data: Any) -> Any:
    ids = [str(tenant.pk) for tenant in tenants]
    return client.post(LIST, {"action": "change_limits", "_selected_action": ids, **({"step": step} if step else {}), **data})


def test_many_tenants_are_previewed_and_then_changed(client: Client, tenant: Tenant, other_tenant: Tenant, make_guest: MakeGuest) -> None:
    make_guest("web-1")
    Quota.objects.create(tenant=tenant, guests=4, vcpus=2)
    both = [tenant, other_tenant]
    assert "For 2 tenants" in bulk(client, both).content.decode()
    change = {**form("leave", guests=("raise", 3), vcpus=0), "reason": "Spring sale."}
    preview = bulk(client, both, "preview", **change).context["preview"]
    assert [(line["tenant"].name, line["label"], line["before"], line["after"], line["is_below"]) for line in preview] == [
        ("acme", "Guests", "4", "7", False),
        ("acme", "vCPU", "2", "0", True),
        ("globex", "vCPU", "no limit (default)", "0", False),
    ]
    assert not QuotaChange.objects.exists()
    assert bulk(client, both, "apply", **change).status_code == 302
    assert (limits_of(tenant.pk)["guests"], limits_of(tenant.pk)["vcpus"]) == (7, 0)
    # No limit is not raised to a limit.
    assert (limits_of(other_tenant.pk)["guests"], limits_of(other_tenant.pk)["vcpus"]) == (None, 0)
    assert QuotaChange.objects.count() == 2
    assert set(QuotaChange.objects.values_list("reason", flat=True)) == {"Spring sale."}


@pytest.mark.parametrize(
    "change", [{**form("leave"), "reason": "x"}, {**form("leave", guests=3)}, {**form("leave", guests=("raise", "")), "reason": "x"}]
)
def test_an_empty_change_or_one_without_a_reason_is_refused(client: Client, tenant: Tenant, change: dict[str, Any]) -> None:
    answer = bulk(client, [tenant], "apply", **change)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not QuotaChange.objects.exists()


def test_the_defaults_are_one_row_with_a_history(client: Client, tenant: Tenant) -> None:
    page = "/admin/tenants/quotadefault/1/change/"
    assert client.get("/admin/tenants/quotadefault/").headers["Location"] == page
    assert client.get(page).status_code == 200
    assert not QuotaDefault.objects.exists()  # looking makes nothing
    assert client.post(page, {**form("none", guests=5), "reason": "House rules."}).status_code == 302
    assert limits_of(tenant.pk)["guests"] == 5
    assert "House rules." in client.get(page).content.decode()
    assert client.get("/admin/tenants/quotadefault/2/change/").status_code == 302


def test_requests_and_changes_are_listed(client: Client, tenant: Tenant) -> None:
    QuotaRequest.objects.create(tenant=tenant, guests=9, memory_mib=4096, reason="The shop.")
    QuotaChange.objects.create(tenant=tenant, before={"guests": "default"}, after={"guests": 3}, actor_label="ada")
    text = client.get("/admin/tenants/quotarequest/").content.decode()
    assert "Guests 9, Memory 4 GiB" in text
    assert "Approve or decline" in text
    assert "Guests default → 3" in client.get("/admin/tenants/quotachange/").content.decode()


def test_operators_do_not_get_in(operator: User, tenant: Tenant, client_for: Callable[[User], Client]) -> None:
    client = client_for(operator)
    for page in (LIST, f"{LIST}{tenant.pk}/change/", "/admin/tenants/quotadefault/1/change/"):
        assert client.get(page).status_code in (302, 403)
    bulk(client, [tenant], "apply", **{**form("leave", guests=99), "reason": "x"})
    assert not QuotaChange.objects.exists()
