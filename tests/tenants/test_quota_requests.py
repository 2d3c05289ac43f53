"""Asking for a larger quota: by owners, one at a time; approved or declined by admins; visible to the tenant's people."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest
from django.db import connection

from kvmweb.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tenants.models import AuditEntry, Quota, QuotaChange, QuotaRequest
from tenants.quota import limits_of
from tenants.quota.meters import quota_request_list
from tenants.services.quota_requests import (
    approve_quota_request,
    cancel_quota_request,
    create_quota_request,
    decline_quota_request,
)
from tenants.services.quotas import set_quota


@pytest.fixture
def limited(tenant):
    return Quota.objects.create(tenant=tenant, guests=2, vcpus=4)


@pytest.fixture
def asked(limited, tenant, owner_actor) -> QuotaRequest:
    return create_quota_request(owner_actor, tenant, {"guests": 10, "vcpus": 8}, reason="The new shop.")


def test_an_approval_raises_the_limits_and_leaves_the_same_history(asked, tenant, admin_actor) -> None:
    approve_quota_request(admin_actor, asked, message="Enjoy.")
    assert (limits_of(tenant.pk)["guests"], limits_of(tenant.pk)["vcpus"]) == (10, 8)
    change = QuotaChange.objects.get()
    assert (change.before, change.after, change.request_id) == ({"guests": 2, "vcpus": 4}, {"guests": 10, "vcpus": 8}, asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.message, asked.decided_by_label) == ("approved", "Enjoy.", "ada")
    done = AuditEntry.objects.filter(outcome="done").order_by("id").values_list("operation", flat=True)
    assert list(done) == ["quota_request.create", "tenant.set_quota", "quota_request.approve"]


def test_an_approval_never_lowers_a_limit(asked, tenant, admin_actor) -> None:
    set_quota(admin_actor, tenant, {"guests": 50, "vcpus": None})
    approve_quota_request(admin_actor, asked)
    assert (limits_of(tenant.pk)["guests"], limits_of(tenant.pk)["vcpus"]) == (50, None)


def test_a_decline_changes_nothing_and_says_why(asked, tenant, admin_actor) -> None:
    with pytest.raises(InvalidInput, match="Say why"):
        decline_quota_request(admin_actor, asked, message=" ")
    decline_quota_request(admin_actor, asked, message="The hosts are full.")
    asked.refresh_from_db()
    assert (asked.state, asked.message) == ("declined", "The hosts are full.")
    assert limits_of(tenant.pk)["guests"] == 2
    assert not QuotaChange.objects.exists()


def test_one_open_request_per_tenant(asked, tenant, owner_actor) -> None:
    with pytest.raises(Conflict) as refusal:
        create_quota_request(owner_actor, tenant, {"guests": 11}, reason="More.")
    assert (refusal.value.code, refusal.value.details) == ("request_open", {"request": str(asked.pk)})
    cancel_quota_request(owner_actor, asked)
    create_quota_request(owner_actor, tenant, {"guests": 11}, reason="More.")


def test_what_is_decided_is_not_decided_again(asked, admin_actor, owner_actor) -> None:
    decline_quota_request(admin_actor, asked, message="No.")
    for again in (lambda: approve_quota_request(admin_actor, asked), lambda: cancel_quota_request(owner_actor, asked)):
        with pytest.raises(Conflict, match="declined already"):
            again()


@pytest.mark.parametrize(
    ("limits", "reason", "field"),
    [
        ({"guests": 2}, "x", "guests"),
        ({"memory_mib": 9}, "x", "memory_mib"),
        ({"beds": 9}, "x", "beds"),
        ({"guests": True}, "x", "guests"),
        ({"guests": 2**31}, "x", "guests"),
        ({}, "x", "guests"),
        ({"guests": 9}, "  ", "reason"),
        ({"guests": 9}, "x" * 1001, "reason"),
    ],
)
def test_bad_requests_are_refused_by_field(limited, tenant, owner_actor, limits, reason, field) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_quota_request(owner_actor, tenant, limits, reason=reason)
    assert list(refused.value.fields) == [field]


def test_owners_ask_and_admins_decide(limited, tenant, member_actor, stranger_actor, owner_actor, operator_actor) -> None:
    for actor, refusal in ((member_actor, NotAllowed), (stranger_actor, NotFound)):
        with pytest.raises(refusal):
            create_quota_request(actor, tenant, {"guests": 9}, reason="x")
    asked = create_quota_request(owner_actor, tenant, {"guests": 9}, reason="x")
    for actor, refusal in ((owner_actor, NotAllowed), (operator_actor, NotAllowed), (stranger_actor, NotFound)):
        with pytest.raises(refusal):
            approve_quota_request(actor, asked)
        with pytest.raises(refusal):
            decline_quota_request(actor, asked, message="x")
    with pytest.raises(NotAllowed):
        cancel_quota_request(member_actor, asked)


def test_the_tenants_people_and_system_roles_see_it(asked, viewer_actor, auditor_actor, stranger_actor) -> None:
    assert [list(quota_request_list(actor)) for actor in (viewer_actor, auditor_actor, stranger_actor)] == [[asked], [asked], []]


@pytest.mark.django_db(transaction=True)
def test_two_admins_at_once_decide_once(asked, admin_actor) -> None:
    results: list[object] = [None, None]
    barrier = Barrier(2)

    def decide(number: int) -> None:
        barrier.wait()
        try:
            results[number] = approve_quota_request(admin_actor, asked)
        except Conflict as error:
            results[number] = error
        finally:
            connection.close()

    threads = [Thread(target=decide, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "QuotaRequest"]
    assert QuotaChange.objects.count() == 1
