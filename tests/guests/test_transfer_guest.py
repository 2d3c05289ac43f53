"""Giving a guest to another tenant: with its disks, within the other's quota, never with something private of the first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from guests.models import Guest, GuestDisk, GuestNic
from guests.selectors import guest_for, guest_view
from guests.services.transfer import transfer_guest
from jobs.models import Job
from kvmweb.errors import Busy, Conflict, NotAllowed, NotFound, QuotaExceeded
from networks.models import Network
from storage.models import Image, Pool, Volume
from tenants.actor import Actor, actor_for
from tenants.models import AuditEntry, Membership, Quota, Tenant, User
from tenants.quota import usage_of

pytestmark = pytest.mark.django_db
MakeGuest = Callable[..., Guest]


@pytest.fixture
def both(owner: User, other_tenant: Tenant) -> Actor:
    """Owner in both tenants."""
    Membership.objects.create(tenant=other_tenant, user=owner, role="owner")
    return actor_for(owner)


def test_the_guest_moves_with_its_disks_and_what_it_counts(
    both: Actor, make_guest: MakeGuest, tenant: Tenant, other_tenant: Tenant
) -> None:
    guest = make_guest(vcpus=2, memory_mib=1024)
    transfer_guest(both, guest, other_tenant)
    guest.refresh_from_db()
    assert guest.tenant == other_tenant
    assert Volume.objects.get(guest_disks__guest=guest).tenant == other_tenant
    assert usage_of(tenant.pk)["vcpus"] == 0
    assert usage_of(other_tenant.pk)["vcpus"] == 2


def test_login_data_whose_drive_is_empty_already_moves_too(both: Actor, make_guest: MakeGuest, other_tenant: Tenant, pool: Pool) -> None:
    guest, other = make_guest(), make_guest("web-2")
    for row in (guest, other):
        Volume.objects.create(pool=pool, tenant=row.tenant, name=f"{row.domain_name}-seed.iso", purpose="seed", format="raw")
    transfer_guest(both, guest, other_tenant)
    seeds = {seed.name: seed.tenant_id for seed in Volume.objects.filter(purpose="seed")}
    assert seeds == {f"{guest.domain_name}-seed.iso": other_tenant.pk, f"{other.domain_name}-seed.iso": other.tenant_id}


def test_both_tenants_find_it_in_their_trail(both: Actor, make_guest: MakeGuest, tenant: Tenant, other_tenant: Tenant) -> None:
    transfer_guest(both, make_guest(), other_tenant)
    entries = AuditEntry.objects.filter(operation="guest.transfer", outcome="done")
    assert {entry.tenant_id for entry in entries} == {tenant.pk, other_tenant.pk}


def test_the_old_tenants_people_no_longer_see_it_and_the_new_ones_do(
    operator_actor: Actor, make_guest: MakeGuest, member: User, stranger: User, other_tenant: Tenant
) -> None:
    guest = make_guest()
    transfer_guest(operator_actor, guest, other_tenant)
    with pytest.raises(NotFound):
        guest_for(actor_for(member), guest.pk)
    assert guest_for(actor_for(stranger), guest.pk) == guest


def test_who_may(
    make_guest: MakeGuest, owner_actor: Actor, member_actor: Actor, stranger_actor: Actor, operator_actor: Actor, other_tenant: Tenant
) -> None:
    guest = make_guest()
    with pytest.raises(NotFound):
        transfer_guest(stranger_actor, guest, other_tenant)
    with pytest.raises(NotAllowed, match="role owner"):
        transfer_guest(member_actor, guest, other_tenant)
    with pytest.raises(NotAllowed, match="globex"):
        transfer_guest(owner_actor, guest, other_tenant)
    transfer_guest(operator_actor, guest, other_tenant)


def test_a_member_there_is_not_enough(owner: User, make_guest: MakeGuest, other_tenant: Tenant) -> None:
    Membership.objects.create(tenant=other_tenant, user=owner, role="member")
    with pytest.raises(NotAllowed):
        transfer_guest(actor_for(owner), make_guest(), other_tenant)


def test_twice_says_so(both: Actor, make_guest: MakeGuest, other_tenant: Tenant) -> None:
    guest = make_guest()
    transfer_guest(both, guest, other_tenant)
    with pytest.raises(Conflict, match="already"):
        transfer_guest(both, Guest.objects.get(pk=guest.pk), other_tenant)


def test_the_others_quota_counts(both: Actor, make_guest: MakeGuest, tenant: Tenant, other_tenant: Tenant) -> None:
    guest = make_guest(memory_mib=2048)
    Quota.objects.create(tenant=other_tenant, memory_mib=1024)
    with pytest.raises(QuotaExceeded):
        transfer_guest(both, guest, other_tenant)
    guest.refresh_from_db()
    assert guest.tenant == tenant


def test_not_while_a_job_runs(both: Actor, make_guest: MakeGuest, other_tenant: Tenant) -> None:
    guest = make_guest()
    Job.objects.create(
        kind="guest.start", title="Start guest web-1", actor_label="x", target_id=guest.pk, target_name="web-1", state="running"
    )
    with pytest.raises(Busy):
        transfer_guest(both, guest, other_tenant)


def test_a_taken_name_is_refused(both: Actor, make_guest: MakeGuest, other_tenant: Tenant) -> None:
    guest = make_guest("web-1")
    make_guest("web-1", tenant=other_tenant)
    with pytest.raises(Conflict, match="called web-1 already"):
        transfer_guest(both, guest, other_tenant)


def test_a_private_image_it_stands_on_is_named(
    both: Actor, make_guest: MakeGuest, tenant: Tenant, other_tenant: Tenant, pool: Pool
) -> None:
    guest = make_guest()
    image = Image.objects.create(name="secret-sauce", tenant=tenant, kind="disk", state="ready")
    base = Volume.objects.create(pool=pool, name="base", purpose="base", format="qcow2", image=image)
    Volume.objects.filter(guest_disks__guest=guest).update(backing=base)
    Guest.objects.filter(pk=guest.pk).update(image=image)
    with pytest.raises(Conflict, match="secret-sauce"):
        transfer_guest(both, guest, other_tenant)
    Volume.objects.filter(guest_disks__guest=guest).update(backing=None)
    transfer_guest(both, guest, other_tenant)
    guest.refresh_from_db()
    assert guest.image is None


def test_a_private_network_is_named(both: Actor, make_guest: MakeGuest, tenant: Tenant, other_tenant: Tenant, host: Any) -> None:
    guest = make_guest()
    network = Network.objects.create(host=host, name="back-office", tenant=tenant)
    GuestNic.objects.create(guest=guest, network=network, mac="52:54:00:aa:bb:cc", position=1)
    with pytest.raises(Conflict, match="back-office"):
        transfer_guest(both, guest, other_tenant)


def test_a_disk_shared_with_another_guest_keeps_it(both: Actor, make_guest: MakeGuest, other_tenant: Tenant) -> None:
    guest, partner = make_guest("web-1"), make_guest("web-2")
    GuestDisk.objects.create(guest=partner, volume=Volume.objects.get(guest_disks__guest=guest), target="vdb")
    with pytest.raises(Conflict, match="web-2"):
        transfer_guest(both, guest, other_tenant)


def test_a_refusal_changes_nothing(both: Actor, make_guest: MakeGuest, tenant: Tenant, other_tenant: Tenant, host: Any) -> None:
    guest = make_guest()
    network = Network.objects.create(host=host, name="back-office", tenant=tenant)
    GuestNic.objects.create(guest=guest, network=network, mac="52:54:00:aa:bb:cc", position=1)
    with pytest.raises(Conflict), transaction.atomic():
        transfer_guest(both, guest, other_tenant)
    assert Volume.objects.get(guest_disks__guest=guest).tenant == tenant
    assert usage_of(other_tenant.pk)["guests"] == 0


def test_the_button_says_why_not(owner_actor: Actor, viewer_actor: Actor, both: Actor, make_guest: MakeGuest, stranger: User) -> None:
    guest = guest_for(both, make_guest().pk)
    assert guest_view(both, guest)["allowed_actions"]["transfer"] == {"allowed": True, "reason": ""}
    assert "role owner" in guest_view(viewer_actor, guest)["allowed_actions"]["transfer"]["reason"]
    alone = guest_view(owner_actor, guest)["allowed_actions"]["transfer"]["reason"]
    assert "no other tenant" in alone


def test_rest_and_page(
    owner: User,
    both: Actor,
    make_guest: MakeGuest,
    other_tenant: Tenant,
    tenant: Tenant,
    api_for: Callable[..., APIClient],
    client_for: Callable[[User], Client],
) -> None:
    guest = make_guest()
    answer = api_for(owner).post(f"/api/v1/guests/{guest.pk}/transfer/", {"tenant": str(other_tenant.pk)})
    assert answer.status_code == 200, answer.content
    assert answer.json()["tenant"]["name"] == "globex"
    client = client_for(owner)
    assert "acme" in client.get(f"/guests/{guest.pk}/transfer/").content.decode()
    assert client.post(f"/guests/{guest.pk}/transfer/", {"tenant": str(tenant.pk)}).status_code == 302
    guest.refresh_from_db()
    assert guest.tenant == tenant


def test_a_foreign_tenant_looks_like_a_missing_one(
    owner: User, make_guest: MakeGuest, other_tenant: Tenant, api_for: Callable[..., APIClient]
) -> None:
    path = f"/api/v1/guests/{make_guest().pk}/transfer/"
    foreign = api_for(owner).post(path, {"tenant": str(other_tenant.pk)})
    missing = api_for(owner).post(path, {"tenant": "11111111-1111-1111-1111-111111111111"})
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["error"]["message"] == missing.json()["error"]["message"]
