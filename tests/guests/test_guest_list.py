"""The list of guests: who sees what, filters, search, order, counts, and its cost in queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from guests.live import list_snapshot, row_snapshot
from guests.models import Guest
from guests.payload import for_actor, guest_payload
from guests.selectors import SORTABLE, GuestFilter, guest_for, guest_list, guest_payloads, guest_summary
from guests.services.power import start_guest
from kvmweb.errors import InvalidInput, NotFound
from tenants.actor import Actor


def names(actor: Actor, **wanted: Any) -> list[str]:
    return [guest.name for guest in guest_list(actor, GuestFilter(**wanted))]


@pytest.fixture
def several(make_guest, other_tenant) -> dict[str, Guest]:
    guests = [
        make_guest(
            "alpha", state="running", tags=["web", "prod"], addresses=["192.168.122.50", "fe80::1"], cpu_percent=12.5, memory_mib=300
        ),
        make_guest("beta", state="shutoff", tags=["webshop"], os="debian12", vcpus=4, memory_mib=200),
        make_guest("gamma", state="crashed", is_missing=False, memory_mib=100),
        make_guest("delta", state="running", is_missing=True, memory_mib=400),
        make_guest("alien", state="running", tenant=other_tenant),
    ]
    return {guest.name: guest for guest in guests}


def test_everybody_sees_their_own(several, member_actor, viewer_actor, stranger_actor, operator_actor, auditor_actor) -> None:
    assert names(member_actor) == names(viewer_actor) == ["alpha", "beta", "delta", "gamma"]
    assert names(stranger_actor) == ["alien"]
    assert len(names(operator_actor)) == len(names(auditor_actor)) == 5
    assert names(Actor(label="nobody")) == []


def test_a_guest_of_others_is_not_there(several, member_actor) -> None:
    for wrong in (several["alien"].pk, "nonsense", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(NotFound):
            guest_for(member_actor, wrong)
        with pytest.raises(NotFound):
            row_snapshot(member_actor, str(wrong))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"state": "running"}, ["alien", "alpha", "delta"]),
        ({"state": "shutoff,crashed"}, ["beta", "gamma"]),
        ({"state": "missing"}, ["delta"]),
        ({"tag": "web"}, ["alpha"]),
        ({"os": "debian12"}, ["beta"]),
        ({"problems": True}, ["delta", "gamma"]),
        ({"search": "ALPH"}, ["alpha"]),
        ({"search": "192.168.122.5"}, ["alpha"]),
        ({"search": "webs"}, ["beta"]),
        ({"search": "globex"}, ["alien"]),
        ({"search": "h1 beta"}, ["beta"]),
        ({"search": "100%"}, []),
        ({"search": "' OR 1=1 --"}, []),
    ],
)
def test_filters_and_search(wanted, expected, several, operator_actor) -> None:
    assert names(operator_actor, **wanted) == expected


def test_search_by_mac_and_id(several, operator_actor) -> None:
    alpha = several["alpha"]
    assert names(operator_actor, search=alpha.nics.get().mac) == ["alpha"]
    assert names(operator_actor, search=str(alpha.pk)) == names(operator_actor, search=str(alpha.uuid)) == ["alpha"]


def test_filters_by_host_and_tenant(several, operator_actor, host, other_tenant) -> None:
    assert len(names(operator_actor, host=str(host.pk))) == 5
    assert names(operator_actor, tenant=str(other_tenant.pk)) == ["alien"]


@pytest.mark.parametrize("wanted", [{"state": "sleepy"}, {"ordering": "password"}, {"host": "x"}, {"tenant": "' OR 1"}])
def test_unknown_filters_are_refused(wanted, operator_actor) -> None:
    with pytest.raises(InvalidInput):
        names(operator_actor, **wanted)


@pytest.mark.parametrize("column", SORTABLE)
def test_every_order_works_both_ways(column, several, operator_actor) -> None:
    up, down = names(operator_actor, ordering=column), names(operator_actor, ordering=f"-{column}")
    assert up == down[::-1]
    assert len(up) == 5


def test_order_by_load_has_idle_guests_last(several, operator_actor) -> None:
    assert names(operator_actor, ordering="-cpu_percent")[0] == "alpha"


def test_summary_counts_each_problem_once(several, operator_actor, member_actor, host) -> None:
    assert guest_summary(operator_actor) == {
        "total": 5,
        "by_state": {"creating": 0, "running": 3, "paused": 0, "shutting_down": 0, "shutoff": 1, "crashed": 1, "suspended": 0},
        "missing": 1,
        "problems": 2,
    }
    host.state = "unreachable"
    host.save()
    summary = guest_summary(operator_actor)
    assert summary["problems"] == 5 == guest_list(operator_actor, GuestFilter(problems=True)).count()
    assert guest_summary(member_actor)["problems"] == 4


def test_crashed_and_missing_is_one_problem(make_guest, operator_actor) -> None:
    make_guest("both", state="crashed", is_missing=True)
    assert guest_summary(operator_actor)["problems"] == 1


def test_tenants_see_neither_hosts_nor_pools(several, member_actor, operator_actor) -> None:
    guest = guest_for(operator_actor, several["alpha"].pk)
    shown = guest_payload(guest)
    assert for_actor(operator_actor, shown)["host"]["name"] == "h1"
    mine = for_actor(member_actor, shown)
    assert mine["host"] is None
    assert mine["disks"][0]["pool"] is None
    assert "h1" not in str(mine)
    assert "/var/lib" not in str(mine)


def test_row_says_what_is_being_done(make_guest, member_actor) -> None:
    guest = make_guest()
    job = start_guest(member_actor, guest)
    shown = row_snapshot(member_actor, str(guest.pk))
    assert (shown["state"], shown["state_label"]) == ("shutoff", "starting…")
    assert shown["active_job"]["id"] == str(job.pk)
    assert shown["allowed_actions"]["start"]["allowed"] is False


def test_row_is_stale_when_its_host_does_not_answer(make_guest, member_actor, host) -> None:
    guest = make_guest()
    host.observed_at = timezone.now()
    host.save()
    assert row_snapshot(member_actor, str(guest.pk))["is_stale"] is False
    host.state = "unreachable"
    host.save()
    assert row_snapshot(member_actor, str(guest.pk))["is_stale"] is True


def test_snapshot_of_the_list_has_rows_and_counts(several, member_actor) -> None:
    snapshot = list_snapshot(member_actor)
    assert len(snapshot["results"]) == snapshot["summary"]["total"] == 4


def test_page_costs_the_same_number_of_queries_for_2_and_for_50_guests(make_guest, member_actor, django_assert_num_queries) -> None:
    for number in range(50):
        make_guest(f"g{number:02}")
    for size in (2, 50):
        with django_assert_num_queries(6):
            assert len(guest_payloads(member_actor, guest_list(member_actor)[:size])) == size
    with django_assert_num_queries(1):
        guest_summary(member_actor)
