"""Quota: never over, never a false refusal."""

from __future__ import annotations

import pytest
from django.db import transaction

from kvmweb.errors import QuotaExceeded
from tenants.models import Quota, Tenant
from tenants.quota import reserve, usage_of


def test_no_quota_row_means_no_limit(tenant: Tenant) -> None:
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
    assert caught.value.details == {"resource": "guests", "limit": 2, "used": 2, "asked": 1}
    assert "2 of 2 guests" in caught.value.message


def test_another_tenants_guests_do_not_count(tenant: Tenant, other_tenant: Tenant, make_guest) -> None:
    make_guest("web-1", tenant=other_tenant)
    assert usage_of(tenant.pk)["guests"] == 0
    assert usage_of(other_tenant.pk)["guests"] == 1


def test_giving_back_is_always_allowed(tenant: Tenant, make_guest) -> None:
    make_guest("web-1", memory_mib=4096)
    Quota.objects.create(tenant=tenant, memory_mib=1024)
    with transaction.atomic():
        reserve(tenant, memory_mib=-512)
