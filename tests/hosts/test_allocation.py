"""What a host's guests hold, and who may see hosts."""

from __future__ import annotations

import pytest

from hosts.models import Host, UnmanagedGuest
from hosts.payload import Allocation, host_payload
from hosts.selectors import allocation, host_for, host_list, host_payloads, live_hosts
from kvmweb.errors import NotFound

pytestmark = pytest.mark.django_db


def test_running_and_starting_guests_hold_and_others_do_not(host, make_guest, django_assert_num_queries):
    make_guest("a", state="running", vcpus=2, memory_mib=1000)
    make_guest("b", state="paused", vcpus=1, memory_mib=500)
    make_guest("c", state="creating", vcpus=1, memory_mib=300)
    make_guest("d", state="shutoff", vcpus=8, memory_mib=8000)
    make_guest("e", state="running", vcpus=8, memory_mib=8000, is_missing=True)
    UnmanagedGuest.objects.create(host=host, uuid=host.pk, name="x", state="running")
    empty = Host.objects.create(name="h2", kind="local")
    with django_assert_num_queries(2):
        held = allocation([host, empty])
    assert held[host.pk] == Allocation(guests=5, running=1, vcpus=4, memory_mib=1800, unmanaged=1)
    assert held[empty.pk] == Allocation()


def test_capacity_follows_overcommit_and_the_host_s_own_share(host):
    host.cpu_overcommit, host.memory_overcommit, host.memory_reserved_mib = 2.0, 1.5, 768
    shown = host_payload(host)
    assert (shown["vcpus_capacity"], shown["memory_capacity_mib"]) == (16, 48000)


def test_emulation_is_called_slow(host):
    assert host_payload(host)["acceleration_label"] == "software emulation: slow"


def test_the_operator_s_choice_of_acceleration_wins(host):
    host.acceleration_choice = "kvm"
    assert host_payload(host)["acceleration"] == "kvm"


@pytest.mark.parametrize("who", ["owner_actor", "member_actor", "viewer_actor"])
def test_tenants_see_no_hosts(request, who, host):
    actor = request.getfixturevalue(who)
    assert not host_list(actor)
    with pytest.raises(NotFound):
        host_for(actor, host.pk)
    with pytest.raises(NotFound):
        live_hosts(actor)


def test_a_list_of_hosts_costs_the_same_for_one_and_for_many(auditor_actor, host, django_assert_num_queries):
    for number in range(20):
        Host.objects.create(name=f"n{number}", kind="test", socket_path=f"/x/{number}")
    with django_assert_num_queries(3):
        assert len(host_payloads(host_list(auditor_actor))) == 21
