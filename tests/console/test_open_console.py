"""Asking for a console: who gets a ticket, for which guest, and what is written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console import admission, closing
from console.admission import Request
from console.closing import Refused
from console.models import LEASE, ConsoleSession
from console.services import OpenedConsole, open_console
from console.tickets import TooManyTickets, hash_of
from guests.models import Guest
from kvmweb.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tenants.actor import Actor
from tenants.models import AuditEntry

LOGIN = hash_of("a login")


def ask(actor: Actor, guest: Guest, **how: str) -> OpenedConsole:
    return open_console(actor, guest, **{"kind": "vnc", "mode": "control", "login_hash": LOGIN, **how})


@pytest.fixture
def guest(make_guest: Callable[..., Guest]) -> Guest:
    return make_guest(state="running")


def test_a_member_gets_a_ticket_and_only_its_hash_is_kept(member_actor: Actor, guest: Guest) -> None:
    opened = ask(member_actor, guest)
    assert opened.ws_path == f"/ws/console/vnc/{guest.pk}/"
    assert len(opened.ticket) == 43
    assert opened.ticket not in repr(opened)
    row = ConsoleSession.objects.get()
    assert row.ticket_hash == hash_of(opened.ticket)
    assert timedelta(seconds=25) < row.expires_at - timezone.now() <= timedelta(seconds=30)


def test_a_viewer_may_watch_but_not_control(viewer_actor: Actor, guest: Guest) -> None:
    with pytest.raises(NotAllowed, match="member"):
        ask(viewer_actor, guest)
    assert ask(viewer_actor, guest, mode="view").ticket


def test_a_stranger_learns_nothing(stranger_actor: Actor, guest: Guest) -> None:
    for mode in ("control", "view"):
        with pytest.raises(NotFound):
            ask(stranger_actor, guest, mode=mode)
    assert not ConsoleSession.objects.exists()


@pytest.mark.parametrize("state", ["shutoff", "crashed", "creating"])
def test_a_guest_that_is_off_has_no_console(member_actor: Actor, guest: Guest, state: str) -> None:
    guest.state = state
    with pytest.raises(Conflict) as refused:
        ask(member_actor, guest)
    assert refused.value.code == "not_running"
    assert "Start it" in refused.value.hint


@pytest.mark.parametrize(("kind", "missing"), [("vnc", "has_display"), ("serial", "has_serial")])
def test_a_guest_without_that_line_says_so(member_actor: Actor, guest: Guest, kind: str, missing: str) -> None:
    setattr(guest, missing, False)
    with pytest.raises(Conflict, match=r"has no (screen|serial line)"):
        ask(member_actor, guest, kind=kind)


@pytest.mark.parametrize("wrong", [{"kind": "spice"}, {"mode": "root"}])
def test_unknown_kinds_and_modes_are_refused(member_actor: Actor, guest: Guest, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        ask(member_actor, guest, **wrong)


def test_a_revoked_ticket_opens_nothing(member_actor: Actor, guest: Guest) -> None:
    ticket = ask(member_actor, guest).ticket
    ConsoleSession.objects.update(revoked_at=timezone.now())
    with pytest.raises(Refused):
        admit(guest, ticket)


def test_old_tickets_are_forgotten(member_actor: Actor, guest: Guest) -> None:
    ask(member_actor, guest)
    ConsoleSession.objects.update(expires_at=timezone.now() - timedelta(hours=2))
    ask(member_actor, guest)
    assert ConsoleSession.objects.count() == 1


def admit(guest: Guest, ticket: str, *, session_key: str = "") -> admission.Admission:
    return admission.check(
        admission.claim(Request(kind="vnc", guest_id=str(guest.pk), ticket=ticket, session_key=session_key, address="192.0.2.1"))
    )


def test_a_redeemed_ticket_is_refused_and_stays_refused(member_actor: Actor, guest: Guest) -> None:
    ticket = ask(member_actor, guest).ticket
    assert admit(guest, ticket).guest == guest
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            admit(guest, ticket)
        assert refused.value.closing is closing.BAD_TICKET


def test_using_a_ticket_with_another_login_is_refused_and_audited(member_actor: Actor, guest: Guest) -> None:
    ticket = ask(member_actor, guest).ticket
    with pytest.raises(Refused):
        admit(guest, ticket, session_key="somebody else")
    entry = AuditEntry.objects.get(operation="console.connect")
    assert (entry.outcome, entry.target_id, entry.address) == ("refused", str(guest.pk), "192.0.2.1")


def test_opening_a_console_costs_few_queries(member_actor: Actor, guest: Guest, django_assert_num_queries: Callable) -> None:
    ticket = ask(member_actor, guest).ticket
    with django_assert_num_queries(4):  # redeem, read, tokens of the user (not with a cookie), memberships
        admit(guest, ticket)


def test_a_console_whose_process_died_is_closed_and_in_the_audit_trail(member_actor: Actor, guest: Guest) -> None:
    admit(guest, ask(member_actor, guest).ticket)
    admission.tidy()
    assert ConsoleSession.objects.open().exists()
    ConsoleSession.objects.update(opened_at=timezone.now() - timedelta(seconds=100), seen_at=timezone.now() - timedelta(seconds=61))
    for _ in range(2):
        admission.tidy()
    assert ConsoleSession.objects.get().closed_at is not None
    entry = AuditEntry.objects.get(operation="console.disconnect")
    assert (entry.actor_label, entry.address, entry.details["mode"]) == ("mia", "192.0.2.1", "control")
    assert (entry.details["seconds"], "ended" in entry.details["why"]) == (39, True)


def test_a_user_has_only_so_many_consoles_and_dead_ones_do_not_count(member_actor: Actor, guest: Guest, settings: Any) -> None:
    settings.CONSOLES_PER_USER = 2
    for _ in range(2):
        admit(guest, ask(member_actor, guest).ticket)
    with pytest.raises(Refused) as refused:
        admit(guest, ask(member_actor, guest).ticket)
    assert refused.value.closing is closing.TOO_MANY
    ConsoleSession.objects.update(seen_at=timezone.now() - LEASE)
    assert admit(guest, ask(member_actor, guest).ticket)


def test_an_address_has_only_so_many_consoles(member_actor: Actor, operator_actor: Actor, guest: Guest, settings: Any) -> None:
    settings.CONSOLES_PER_ADDRESS = 1
    admit(guest, ask(member_actor, guest).ticket)
    with pytest.raises(Refused):
        admit(guest, ask(operator_actor, guest).ticket)


def test_tickets_nobody_uses_are_not_given_out_without_end(member_actor: Actor, guest: Guest, settings: Any) -> None:
    settings.CONSOLE_TICKETS_PER_USER = 3
    tickets = [ask(member_actor, guest).ticket for _ in range(3)]
    with pytest.raises(TooManyTickets, match="without opening"):
        ask(member_actor, guest)
    admit(guest, tickets[0])
    assert ask(member_actor, guest)
