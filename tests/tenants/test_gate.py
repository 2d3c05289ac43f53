"""The gate: who passes, who is refused how, and what the audit trail keeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guests.models import Guest, GuestDisk
from guests.services.delete import delete_guest
from guests.services.power import POWER
from kvmweb.errors import Conflict, NotAllowed, NotFound
from tenants.actor import Actor, actor_for, system_actor
from tenants.gate import OPERATIONS, operation
from tenants.models import AuditEntry, Tenant, User


@pytest.fixture
def rename() -> Callable[..., Guest]:
    @operation("guest.change")
    def rename_guest(actor: Actor, guest: Guest, name: str) -> Guest:
        guest.name = name
        guest.save()
        if name == "refuse-me":
            raise Conflict("That name is refused.")
        return guest

    original = OPERATIONS.get("guest.change")
    yield rename_guest
    if original:
        OPERATIONS["guest.change"] = original


def test_a_member_passes_and_is_recorded(rename, make_guest, member_actor) -> None:
    guest = make_guest()
    rename(member_actor, guest, "new-name")
    entry = AuditEntry.objects.get()
    assert (entry.operation, entry.outcome, entry.actor_label) == ("guest.change", "done", "mia")
    assert (entry.target_type, entry.target_id, entry.tenant_id) == ("guest", str(guest.pk), guest.tenant_id)


def test_a_viewer_is_told_which_role_may(rename, make_guest, viewer_actor) -> None:
    with pytest.raises(NotAllowed, match="role member"):
        rename(viewer_actor, make_guest(), "new-name")
    assert AuditEntry.objects.get().outcome == "refused"


def test_a_stranger_does_not_learn_that_the_guest_exists(rename, make_guest, stranger_actor) -> None:
    with pytest.raises(NotFound) as caught:
        rename(stranger_actor, make_guest(), "new-name")
    assert "web-1" not in caught.value.message


def test_an_auditor_sees_but_changes_nothing(rename, make_guest, auditor_actor) -> None:
    guest = make_guest()
    assert Guest.objects.visible_to(auditor_actor).get() == guest
    with pytest.raises(NotAllowed):
        rename(auditor_actor, guest, "new-name")


def test_a_refusal_inside_the_service_leaves_no_effect_but_its_record(rename, make_guest, member_actor) -> None:
    guest = make_guest()
    with pytest.raises(Conflict):
        rename(member_actor, guest, "refuse-me")
    guest.refresh_from_db()
    assert guest.name == "web-1"
    assert AuditEntry.objects.get().message == "That name is refused."


@pytest.mark.parametrize("scope", ["read"])
def test_a_read_token_changes_nothing(rename, make_guest, owner: User, scope: str) -> None:
    with pytest.raises(NotAllowed, match="may only read"):
        rename(actor_for(owner, scope=scope), make_guest(), "new-name")


def test_a_tenant_token_hides_the_other_tenants_and_the_system_role(admin: User, tenant: Tenant, other_tenant: Tenant, make_guest) -> None:
    guest = make_guest()
    actor = actor_for(admin, only_tenant=other_tenant.pk)
    assert not Guest.objects.visible_to(actor).exists()
    assert Guest.objects.visible_to(actor_for(admin)).get() == guest


def test_an_inactive_user_sees_nothing(owner: User, make_guest) -> None:
    make_guest()
    owner.is_active = False
    assert not Guest.objects.visible_to(actor_for(owner)).exists()


def test_nobody_sees_nothing(make_guest) -> None:
    make_guest()
    assert not Guest.objects.visible_to(None).exists()


def test_the_system_may_everything(rename, make_guest) -> None:
    assert rename(system_actor("test"), make_guest(), "new-name").name == "new-name"


def test_an_unknown_operation_cannot_be_declared() -> None:
    with pytest.raises(RuntimeError, match="LEAST_ROLE"):
        operation("guest.fly")


def test_a_target_that_was_removed_meanwhile_is_not_found(make_guest: Callable[..., Guest], member_actor: Actor) -> None:
    guest = make_guest("web-1")
    GuestDisk.objects.filter(guest=guest).delete()
    Guest.objects.filter(pk=guest.pk).delete()
    for service in (POWER["start"], delete_guest):
        with pytest.raises(NotFound):
            service(member_actor, guest)
