"""manage.py check_quotas: quiet when the sums are true, and naming what is not."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from guests import usage
from guests.models import Guest, GuestDisk
from guests.requests import CreateGuest
from guests.services.create import create_guests
from jobs.models import Job
from storage.models import Image
from tenants.models import Quota
from tenants.quota import counting


def check(*names: str) -> str:
    out = StringIO()
    try:
        call_command("check_quotas", *names, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error} ({error.returncode})"
    return out.getvalue()


def test_true_sums_are_quiet(machine, image, tenant, other_tenant, member_actor, make_guest) -> None:
    make_guest("web-1")
    make_guest("kept")
    create_guests(member_actor, tenant, CreateGuest(name="new", image=image, disk_gib=3))
    GuestDisk.objects.filter(guest__name="kept").delete()
    Guest.objects.filter(name="kept").delete()
    Image.objects.create(tenant=tenant, name="mine", kind="disk", state="ready", virtual_size_bytes=5 * 1024**3 + 1)
    assert check() == "2 tenants counted again, 0 faults.\n"
    assert check("acme") == "1 tenants counted again, 0 faults.\n"


def test_a_sum_that_is_not_what_its_rows_say_is_a_fault(tenant, make_guest, monkeypatch) -> None:
    make_guest("web-1")
    wrong = [counting._Provider(lambda ids: {tenant.pk: {"guests": 2}}, frozenset({"guests"}))]
    others = [provider for provider in counting._providers if provider.count is not usage.guest_usage]
    monkeypatch.setattr(counting, "_providers", wrong + others)
    assert "acme: guests sums up to 2, its rows to 1." in check()


def test_rows_that_hold_quota_for_nothing_are_named(machine, image, tenant, member_actor, make_guest) -> None:
    guest = make_guest("web-1")
    Guest.objects.filter(pk=guest.pk).update(disk_gib=9)
    create_guests(member_actor, tenant, CreateGuest(name="lost", image=image))
    Job.objects.all().delete()
    Image.objects.create(tenant=tenant, name="half", kind="disk", state="building", virtual_size_bytes=1)
    said = check()
    assert "acme: guest web-1 counts 9 GiB of disk and has 1." in said
    assert "acme: guest lost is being created and no job works on it." in said
    assert "acme: image half is being made and no job works on it." in said
    assert said.endswith("Not every sum is true. (1)")


def test_a_limit_below_what_is_used_is_only_a_note(tenant, make_guest) -> None:
    make_guest("web-1")
    Quota.objects.create(tenant=tenant, guests=0)
    assert "note   acme: uses 1 of 0 guests." in check()
    assert "0 faults" in check()


@pytest.mark.django_db
def test_an_unknown_tenant_is_said() -> None:
    assert check("nobody").endswith("(2)")
