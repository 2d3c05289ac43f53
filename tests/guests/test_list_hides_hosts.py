"""A tenant cannot find out by searching or filtering which of its guests share a host."""

from __future__ import annotations

from guests.selectors import GuestFilter, guest_list


def test_an_operator_finds_guests_by_host_and_a_tenant_does_not(make_guest, operator_actor, member_actor) -> None:
    guest = make_guest("web-1")
    for wanted in (GuestFilter(search=guest.host.name), GuestFilter(host=str(guest.host_id))):
        assert list(guest_list(operator_actor, wanted)) == [guest]
        assert list(guest_list(member_actor, wanted)) == []


def test_a_tenant_finds_its_guest_by_name(make_guest, member_actor) -> None:
    guest = make_guest("web-1")
    assert list(guest_list(member_actor, GuestFilter(search="web"))) == [guest]
