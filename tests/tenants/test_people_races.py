"""Two people at once: a tenant keeps an owner, the installation an admin, and a quota holds when guests come from another tenant."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from guests.models import Guest
from guests.services.transfer import transfer_guest
from kvmweb.errors import KvmwebError
from tenants.actor import actor_for
from tenants.models import Membership, Quota, SystemRole, Tenant, User
from tenants.quota import usage_of
from tenants.services.members import leave_tenant, remove_member
from tenants.services.users import change_user

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


def at_once(*calls: Callable[[], object]) -> list[KvmwebError | None]:
    """What each call raised."""
    barrier = threading.Barrier(len(calls))
    raised: list[KvmwebError | None] = [None] * len(calls)

    def run(number: int) -> None:
        barrier.wait()
        try:
            calls[number]()
        except KvmwebError as error:
            raised[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def owners(tenant: Tenant) -> int:
    return Membership.objects.filter(tenant=tenant, role="owner").count()


@pytest.mark.parametrize("how", ["remove", "leave"])
def test_two_owners_who_go_at_once_do_not_both_go(how: str, tenant: Tenant) -> None:
    ann, bob = (User.objects.create_user(name) for name in ("ann", "bob"))
    for _ in range(ROUNDS):
        for user in (ann, bob):
            Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": "owner"})
        actors = actor_for(ann), actor_for(bob)
        if how == "remove":
            raised = at_once(lambda: remove_member(actors[0], tenant, bob), lambda: remove_member(actors[1], tenant, ann))  # noqa: B023
        else:
            raised = at_once(*(lambda actor=actor: leave_tenant(actor, tenant) for actor in actors))
        assert owners(tenant) == 1
        assert sorted(error.code for error in raised if error) == ["last_owner"]


def test_two_admins_who_demote_each_other_do_not_both_succeed() -> None:
    ann, bob = (User.objects.create_user(name, system_role=SystemRole.ADMIN) for name in ("ann", "bob"))
    for _ in range(ROUNDS):
        User.objects.update(system_role=SystemRole.ADMIN)
        actors = actor_for(User.objects.get(pk=ann.pk)), actor_for(User.objects.get(pk=bob.pk))
        raised = at_once(
            lambda: change_user(actors[0], bob, {"system_role": ""}),  # noqa: B023
            lambda: change_user(actors[1], ann, {"system_role": ""}),  # noqa: B023
        )
        assert User.objects.filter(system_role=SystemRole.ADMIN).count() == 1
        assert sorted(error.code for error in raised if error) == ["last_admin"]


def test_guests_that_come_at_once_never_exceed_the_quota(
    operator: User, tenant: Tenant, other_tenant: Tenant, make_guest: Callable[..., Guest]
) -> None:
    Quota.objects.create(tenant=other_tenant, guests=3)
    guests = [make_guest(f"web-{number}") for number in range(8)]
    actor = actor_for(operator)
    raised = at_once(*(lambda guest=guest: transfer_guest(actor, guest, other_tenant) for guest in guests))
    assert usage_of(other_tenant.pk)["guests"] == 3
    assert [error.code for error in raised if error] == ["quota_exceeded"] * 5
    assert usage_of(tenant.pk)["guests"] == 5


def test_one_guest_given_to_two_tenants_at_once_has_one_owner(
    operator: User, other_tenant: Tenant, make_guest: Callable[..., Guest]
) -> None:
    third = Tenant.objects.create(name="initech")
    guest, actor = make_guest(), actor_for(operator)
    at_once(lambda: transfer_guest(actor, guest, other_tenant), lambda: transfer_guest(actor, guest, third))
    guest.refresh_from_db()
    volume = guest.disks.get().volume
    assert volume is not None
    assert guest.tenant_id == volume.tenant_id
