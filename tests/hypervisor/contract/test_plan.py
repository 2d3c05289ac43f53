"""A plan's calls lead from what there is to what is wanted, and once more to the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypervisor.outcomes import Took
from hypervisor.plan import plan
from hypervisor.port import Host
from hypervisor.specs import DiskSpec, NicSpec, VolumeSpec, Watchdog
from tests.hypervisor.contract.conftest import Bench
from tests.hypervisor.specs_for_tests import PLAIN_GUEST

MIB = 1024 * 1024


@pytest.mark.parametrize("is_running", [False, True])
def test_a_plan_leads_where_it_should(bench: Bench, host: Host, is_running: bool) -> None:
    bench.needs("hot plugging")
    network = bench.network_spec()
    host.ensure_network(network)
    spec = bench.defined()
    first = replace(
        spec,
        disks=(*spec.disks, DiskSpec("sda", "", "raw", bus="sata", device="cdrom")),
        nics=(NicSpec(network.name, "52:54:00:05:05:05"),),
        vcpus_max=2,
    )
    host.define_guest(first)
    if is_running:
        host.start_guest(spec.uuid)
    iso = host.create_volume(bench.pool, VolumeSpec("medium.iso", MIB, "iso"))
    data = host.create_volume(bench.pool, VolumeSpec("data.qcow2", MIB))
    before = host.definition(spec.uuid).spec
    after = replace(
        before,
        title="another",
        disks=(
            replace(before.disks[0], cache="none"),
            replace(before.disks[1], path=iso.path),
            DiskSpec("vdb", data.path, "qcow2"),
        ),
        nics=(replace(before.nics[0], is_link_up=False),),
        vcpus=2,
        vcpus_max=None,
        autostart=True,
        watchdog=Watchdog(),
    )
    calls = plan(before, after)
    assert [one.call for one in calls] == [
        "change_disk", "insert_media", "change_nic", "attach_disk", "set_vcpus", "change_guest", "set_autostart",
    ]  # fmt: skip
    results = [one.on(host, spec.uuid) for one in calls]
    reached = host.definition(spec.uuid).spec
    by_target = tuple(sorted(reached.disks, key=lambda disk: disk.target))
    assert replace(reached, disks=by_target) == replace(after, disks=tuple(sorted(after.disks, key=lambda disk: disk.target)))
    assert plan(host.definition(spec.uuid).spec, after) == ()
    took = [result.took for result in results if result is not None]
    assert took == ([Took.NEXT_BOOT, *[Took.NOW] * 4] if is_running else [Took.NOW] * 5)
    waiting = {change.label for change in host.pending_changes(spec.uuid)}
    assert waiting == ({"Disk vda: cache", "Watchdog"} if is_running else set())
    host.set_autostart(spec.uuid, enabled=False)


def test_a_disk_on_another_file_is_another_disk() -> None:
    one = DiskSpec("vda", "/pool/a.qcow2", "qcow2")
    before, after = replace(PLAIN_GUEST, disks=(one,)), replace(PLAIN_GUEST, disks=(replace(one, path="/pool/b.qcow2"),))
    assert [call.call for call in plan(before, after)] == ["detach_disk", "attach_disk"]
    assert plan(before, before) == ()
    assert [call.call for call in plan(before, replace(before, name="other"))] == ["rename_guest"]
