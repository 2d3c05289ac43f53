"""Quota: never over, never a false refusal, and where a limit comes from."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from kvmweb.errors import InvalidInput, NotAllowed, NotFound, QuotaExceeded, Unavailable
from tenants.models import AuditEntry, Quota, QuotaChange, Tenant
from tenants.quota import limit_of, limits_of, limits_of_all, register_usage, reserve, usage_of, usage_of_all
from tenants.services.quotas import set_default_quota, set_quota


def test_nobody_set_a_limit_means_no_limit(tenant: Tenant) -> None:
    with transaction.atomic():
        reserve(tenant, guests=1000)


def test_the_last_free_place_is_given_and_the_next_refused_with_numbers(tenant: Tenant, make_guest) -> None:
    Quota.objects.create(tenant=tenant, guests=2)
    make_guest("web-1")
    with transaction.atomic():
        reserve(tenant, guests=1)
    make_guest("web-2")
    with pytest.raises(QuotaExceeded) as caught, transaction.atomic():
        reserve(tenant, guests=1)
    line = {"resource": "guests", "limit": 2, "used": 2, "asked": 1}
    details = caught.value.details
    assert {name: details[name] for name in line} == line
    assert details["exceeded"] == [line]
    assert details["request_url"] == f"/quota-requests/new/?tenant={tenant.pk}&guests=3"
    assert "2 of 2 guests" in caught.value.message


def test_everything_that_does_not_fit_is_named_at_once(tenant: Tenant, make_guest) -> None:
    make_guest("web-1", vcpus=2, memory_mib=1024)
    Quota.objects.create(tenant=tenant, guests=1, vcpus=4, memory_mib=1024, disk_gib=100)
    with pytest.raises(QuotaExceeded) as caught, transaction.atomic():
        reserve(tenant, guests=1, vcpus=2, memory_mib=512, disk_gib=5)
    assert [line["resource"] for line in caught.value.details["exceeded"]] == ["guests", "memory_mib"]
    assert "1 of 1 guests" in caught.value.message
    assert "1024 of 1024 MiB of memory" in caught.value.message


def test_another_tenants_guests_do_not_count(tenant: Tenant, other_tenant: Tenant, make_guest) -> None:
    make_guest("web-1", tenant=other_tenant)
    assert usage_of(tenant.pk)["guests"] == 0
    assert usage_of(other_tenant.pk)["guests"] == 1


def test_giving_back_is_always_allowed(tenant: Tenant, make_guest) -> None:
    make_guest("web-1", memory_mib=4096)
    Quota.objects.create(tenant=tenant, memory_mib=1024)
    with transaction.atomic():
        reserve(tenant, memory_mib=-512, guests=0)


@pytest.mark.django_db(transaction=True)
def test_reserving_outside_a_transaction_is_a_bug_and_says_so(tenant: Tenant) -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        reserve(tenant, guests=1)


def test_a_tenant_that_is_gone_is_not_found(tenant: Tenant) -> None:
    Tenant.objects.filter(pk=tenant.pk).delete()
    with pytest.raises(NotFound), transaction.atomic():
        reserve(tenant, guests=1)


@pytest.mark.parametrize("table", ["tenants_quota", "tenants_quotadefault", "guests_guest", "jobs_job"])
def test_a_table_that_cannot_be_read_is_503_never_yes(tenant: Tenant, table: str) -> None:
    Quota.objects.create(tenant=tenant, guests=10, running_jobs=10, follows_default=["vcpus"])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO hidden")
    with pytest.raises(Unavailable), transaction.atomic():
        reserve(tenant, guests=1, running_jobs=1)


# -- where a limit comes from ---------------------------------------------------------------------------------------------------------
def test_a_tenant_without_limits_of_its_own_follows_the_defaults(tenant: Tenant, admin_actor) -> None:
    set_default_quota(admin_actor, None, {"guests": 5})
    assert limits_of(tenant.pk)["guests"] == 5
    set_default_quota(admin_actor, None, {"guests": 7})
    assert limits_of(tenant.pk)["guests"] == 7
    assert limits_of(tenant.pk)["vcpus"] is None


@pytest.mark.parametrize("own", [None, {}, {"running_jobs": None}, {"running_jobs": 2}, {"running_jobs": "default"}])
@pytest.mark.parametrize("default", [None, {}, {"running_jobs": 7}])
def test_one_limit_is_the_same_by_itself(tenant: Tenant, admin_actor, own, default, django_assert_num_queries) -> None:
    if own is not None:
        set_quota(admin_actor, tenant, {"guests": 1, **own})
    if default is not None:
        set_default_quota(admin_actor, None, {"guests": 9, **default})
    for resource in ("running_jobs", "guests"):
        with django_assert_num_queries(1):
            limit = limit_of(tenant.pk, resource)
        assert limit == limits_of(tenant.pk)[resource]


def test_no_limit_is_not_the_default(tenant: Tenant, admin_actor) -> None:
    set_default_quota(admin_actor, None, {"guests": 5, "vcpus": 8})
    set_quota(admin_actor, tenant, {"guests": None})
    assert (limits_of(tenant.pk)["guests"], limits_of(tenant.pk)["vcpus"]) == (None, 8)
    set_quota(admin_actor, tenant, {"guests": "default", "vcpus": 2})
    assert (limits_of(tenant.pk)["guests"], limits_of(tenant.pk)["vcpus"]) == (5, 2)


def test_many_tenants_cost_as_many_queries_as_one(tenant, other_tenant, make_guest, django_assert_num_queries, admin_actor) -> None:
    set_quota(admin_actor, tenant, {"guests": 4})
    make_guest("web-1")
    make_guest("web-2", tenant=other_tenant)
    with django_assert_num_queries(2):
        limits = limits_of_all([tenant.pk, other_tenant.pk])
    assert (limits[tenant.pk]["guests"], limits[other_tenant.pk]["guests"]) == (4, None)
    with django_assert_num_queries(4):
        used = usage_of_all()
    assert {pk: amounts["guests"] for pk, amounts in used.items()} == {tenant.pk: 1, other_tenant.pk: 1}
    with django_assert_num_queries(1):
        usage_of(tenant.pk, ["guests", "vcpus"])


# -- changing limits --------------------------------------------------------------------------------------------------------------------
def test_a_change_leaves_who_old_new_and_why(tenant: Tenant, admin_actor) -> None:
    set_quota(admin_actor, tenant, {"guests": 3, "vcpus": None}, reason="They pay for three.")
    set_quota(admin_actor, tenant, {"guests": 4, "vcpus": None})
    newest, first = QuotaChange.objects.filter(tenant=tenant)
    assert (first.before, first.after) == ({"guests": "default", "vcpus": "default"}, {"guests": 3, "vcpus": None})
    assert (first.actor_label, first.reason) == ("ada", "They pay for three.")
    assert (newest.before, newest.after) == ({"guests": 3}, {"guests": 4})
    entry = AuditEntry.objects.filter(operation="tenant.set_quota").order_by("id").first()
    assert entry.details["changes"]["guests"] == ["default", 3]


def test_what_stays_the_same_leaves_no_change(tenant: Tenant, admin_actor) -> None:
    set_quota(admin_actor, tenant, {"guests": 3})
    set_quota(admin_actor, tenant, {"guests": 3})
    assert QuotaChange.objects.count() == 1


def test_a_limit_below_what_is_used_stops_new_use_and_takes_nothing(tenant: Tenant, make_guest, admin_actor) -> None:
    make_guest("web-1")
    set_quota(admin_actor, tenant, {"guests": 0})
    assert usage_of(tenant.pk)["guests"] == 1
    with pytest.raises(QuotaExceeded), transaction.atomic():
        reserve(tenant, guests=1)


@pytest.mark.parametrize("limits", [{"guests": -1}, {"guests": 2**31}, {"guests": True}, {"guests": "many"}, {"beds": 1}])
def test_bad_limits_are_refused_by_field(tenant: Tenant, admin_actor, limits) -> None:
    with pytest.raises(InvalidInput) as refused:
        set_quota(admin_actor, tenant, limits)
    assert list(refused.value.fields) == list(limits)
    assert not Quota.objects.exists()


def test_only_admins_set_limits(tenant: Tenant, operator_actor, owner_actor, stranger_actor) -> None:
    for actor, refusal in ((operator_actor, NotAllowed), (owner_actor, NotAllowed), (stranger_actor, NotFound)):
        with pytest.raises(refusal):
            set_quota(actor, tenant, {"guests": 100})
    with pytest.raises(NotAllowed):
        set_default_quota(operator_actor, None, {"guests": 100})


def test_a_provider_for_what_no_quota_counts_is_refused() -> None:
    with pytest.raises(RuntimeError):
        register_usage(lambda tenant_ids: {}, "beds")
