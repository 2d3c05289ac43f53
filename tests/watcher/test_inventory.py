"""Writing what was seen: only what differs, one version up, told to open pages; nothing of ours is lost by it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from guests import inventory
from guests.inventory import Load
from guests.models import Guest, GuestDisk
from hosts.models import Host
from hypervisor.observed import ObservedDisk, ObservedGuest, ObservedNetwork, ObservedNic, ObservedPool
from networks.inventory import apply_networks
from networks.models import Network
from storage.inventory import apply_pools
from storage.models import Pool, Volume

pytestmark = pytest.mark.django_db(transaction=True)


def seen(guest: Guest, **fields) -> ObservedGuest:
    disk = guest.disks.get()
    nic = guest.nics.get()
    facts = {
        "uuid": guest.uuid,
        "name": guest.domain_name,
        "title": "",
        "vcpus": guest.vcpus,
        "memory_mib": guest.memory_mib,
        "acceleration": "qemu",
        "machine": "q35",
        "firmware": "bios",
        "is_persistent": True,
        "autostart": False,
        "digest": "d1",
        "display": "vnc-socket",
        "has_serial": True,
        "disks": (ObservedDisk("vda", "disk", "virtio", disk.path, "qcow2"),),
        "nics": (ObservedNic(nic.mac, "default", "virbr0", "virtio"),),
    }
    return ObservedGuest(**(facts | fields))


def test_a_definition_is_applied_once(make_guest, published):
    guest = make_guest()
    assert inventory.apply_definition(guest.pk, seen(guest, vcpus=4)) is True
    row = Guest.objects.get(pk=guest.pk)
    assert (row.vcpus, row.acceleration, row.version) == (4, "qemu", guest.version + 1)
    assert [change["data"]["vcpus"] for change in published] == [4]
    assert inventory.apply_definition(guest.pk, seen(guest, vcpus=4)) is False
    assert len(published) == 1


def test_a_disk_attached_with_virsh_is_listed_and_one_detached_keeps_its_volume(make_guest):
    guest = make_guest()
    volume = guest.disks.get().volume
    foreign = ObservedDisk("vdb", "disk", "virtio", "/somewhere/else.qcow2", "qcow2")
    inventory.apply_definition(guest.pk, seen(guest, disks=(foreign,)))
    disk = GuestDisk.objects.get(guest=guest)
    assert (disk.target, disk.volume, disk.path) == ("vdb", None, "/somewhere/else.qcow2")
    assert Volume.objects.filter(pk=volume.pk).exists()


def test_a_disk_is_never_tied_to_another_tenant_s_volume(make_guest, other_tenant):
    mine, foreign = make_guest("a"), make_guest("b", tenant=other_tenant)
    path = foreign.disks.get().path
    inventory.apply_definition(mine.pk, seen(mine, disks=(ObservedDisk("vdb", "disk", "virtio", path, "qcow2"),)))
    assert GuestDisk.objects.get(guest=mine).volume is None


def test_an_interface_on_a_network_of_ours_is_tied_to_it(make_guest, network):
    guest = make_guest()
    nic = ObservedNic("52:54:00:00:00:99", "default", "virbr0", "e1000e")
    inventory.apply_definition(guest.pk, seen(guest, nics=(nic,)))
    row = guest.nics.get()
    assert (row.mac, row.network, row.model) == ("52:54:00:00:00:99", network, "e1000e")


def test_a_guest_that_stops_has_no_load_and_no_addresses(make_guest, published):
    guest = make_guest(state="running", cpu_percent=50.0, memory_used_mib=100, addresses=["10.0.0.1"], primary_address="10.0.0.1")
    inventory.apply_states({guest.pk: "shutoff"})
    row = Guest.objects.get(pk=guest.pk)
    assert (row.state, row.cpu_percent, row.memory_used_mib, row.addresses, row.primary_address) == ("shutoff", None, None, [], "")
    assert row.state_since is not None


def test_a_job_does_not_overwrite_what_the_watcher_saw_since(make_guest, published):
    guest = make_guest(state="shutoff")
    inventory.apply_states({guest.pk: "running"})
    inventory.apply_state_of_version(guest.pk, guest.version, "paused")
    assert Guest.objects.get(pk=guest.pk).state == "running"
    inventory.apply_state_of_version(guest.pk, guest.version + 1, "paused")
    assert (Guest.objects.get(pk=guest.pk).state, len(published)) == ("paused", 2)


def test_small_steps_of_load_are_not_written_and_load_leaves_the_version(make_guest, host, published):
    guest = make_guest(state="running", cpu_percent=10.0, memory_used_mib=100)
    assert inventory.apply_stats(host.pk, {guest.uuid: Load(10.3, 102)}) == 0
    assert inventory.apply_stats(host.pk, {guest.uuid: Load(11.0, 102)}) == 1
    row = Guest.objects.get(pk=guest.pk)
    assert (row.cpu_percent, row.version) == (11.0, guest.version)
    assert len(published) == 1


def test_the_first_ipv4_address_is_the_one_shown(make_guest, host):
    guest = make_guest(state="running")
    inventory.apply_addresses(host.pk, guest.uuid, ["2001:db8::5", "192.168.9.20"])
    row = Guest.objects.get(pk=guest.pk)
    assert (row.primary_address, row.addresses) == ("192.168.9.20", ["2001:db8::5", "192.168.9.20"])


def test_telling_one_guest_costs_the_same_whatever_their_number(make_guest, django_assert_num_queries, published):
    guests = [make_guest(f"g-{number}") for number in range(15)]
    with django_assert_num_queries(4):
        inventory.publish_guests([guests[0].pk])
    with django_assert_num_queries(4):
        inventory.publish_guests([guest.pk for guest in guests])
    assert len(published) == 16


def pool(name: str, *, available: int = 50 * 1024**3) -> ObservedPool:
    size = 100 * 1024**3
    return ObservedPool(name, uuid4(), "dir", f"/{name}", True, True, size, size - available, available)


def test_pools_appear_change_and_go(host, published):
    apply_pools(host.pk, [pool("default"), pool("extra")])
    assert dict(Pool.objects.values_list("name", "is_default")) == {"default": True, "extra": False}
    before = Pool.objects.get(name="default")
    apply_pools(host.pk, [pool("default", available=1)])
    assert Pool.objects.get(name="default").available_bytes == 1
    assert Pool.objects.get(name="default").version == before.version + 1
    assert Pool.objects.get(name="extra").is_missing
    Pool.objects.update(observed_at=timezone.now() - timedelta(minutes=5))
    apply_pools(host.pk, [pool("default", available=1)])
    assert not Pool.objects.filter(name="extra").exists()
    assert [change["type"] for change in published][-1] == "removed"


def test_a_pool_with_volumes_of_ours_is_never_forgotten(make_guest, host):
    make_guest()
    apply_pools(host.pk, [])
    Pool.objects.update(observed_at=timezone.now() - timedelta(days=1))
    apply_pools(host.pk, [])
    assert Pool.objects.get().is_missing


def test_networks_appear_change_and_go(host):
    nat = ObservedNetwork("default", uuid4(), "virbr0", "nat", True, True, ("192.168.122.1/24",))
    apply_networks(host.pk, [nat])
    row = Network.objects.get()
    assert (row.is_default, row.addresses, row.version) == (True, ["192.168.122.1/24"], 1)
    apply_networks(host.pk, [nat])
    assert Network.objects.get().version == 1
    apply_networks(host.pk, [])
    assert Network.objects.get().is_missing
    assert Host.objects.get(pk=host.pk).networks.count() == 1
