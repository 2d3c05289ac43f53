"""The hypervisor's live operations on one booted Linux guest: what the port says took effect is looked for inside the guest."""

from __future__ import annotations

import os
import re
import select
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from hypervisor.errors import HypervisorError
from hypervisor.libvirt.sessions import LibvirtHost, connect
from hypervisor.observed import PowerState
from hypervisor.outcomes import Took
from hypervisor.port import SerialLine
from hypervisor.specs import DiskSpec, GuestSpec, HostAddress, NetworkSpec, NicSpec, PoolSpec, SnapshotSpec, VolumeSpec

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

MIB = 1024 * 1024
MAC = "52:54:00:0d:0e:0f"


@pytest.fixture(scope="module")
def micro_file(request: pytest.FixtureRequest) -> Path:
    """KVMWEB_MICRO_IMAGE saves the product's start where only these tests are run."""
    chosen = os.environ.get("KVMWEB_MICRO_IMAGE")
    return Path(chosen) if chosen else request.getfixturevalue("product").data_dir / "images" / "micro.qcow2"


@dataclass
class Shell:
    """The guest's serial line: a command in, its output back."""

    line: SerialLine

    def wait_for(self, wanted: str, *, timeout_s: float = 90) -> str:
        seen, give_up_at = "", time.monotonic() + timeout_s
        while not re.search(wanted, seen):
            assert time.monotonic() < give_up_at, f"{wanted!r} did not come; the line says {seen[-800:]!r}"
            if select.select([self.line.fileno()], [], [], 0.5)[0]:
                seen += os.read(self.line.fileno(), 65536).decode(errors="replace")
        return seen

    def run(self, command: str, *, timeout_s: float = 20) -> str:
        token = uuid4().hex[:8]
        os.write(self.line.fileno(), f"{command}; echo {token[:4]}''{token[4:]}\n".encode())
        return self.wait_for(rf"{token}\r?\n", timeout_s=timeout_s)

    def becomes(self, command: str, wanted: str, *, timeout_s: float = 15) -> None:
        give_up_at = time.monotonic() + timeout_s
        while not re.search(wanted, said := self.run(command)):
            assert time.monotonic() < give_up_at, f"{command} says {said!r} and not {wanted!r}"
            time.sleep(0.3)


@dataclass
class Lab:
    host: LibvirtHost
    spec: GuestSpec
    pool: str
    folder: Path
    networks: tuple[str, str]
    shell: Shell


@pytest.fixture(scope="module")
def lab(micro_file: Path) -> Iterator[Lab]:
    uuid = uuid4()
    name = f"live-{uuid.hex[:8]}"
    folder = Path(tempfile.mkdtemp(prefix="kvmweb-live-", dir="/var/tmp"))
    folder.chmod(0o755)
    host = connect(HostAddress("local"))
    try:
        host.ensure_pool(PoolSpec(name, str(folder), autostart=False))
        shutil.copy(micro_file, folder / "micro.qcow2")
        host.refresh_pool(name)
        size = host.volume(name, "micro.qcow2").capacity_bytes
        base = str(folder / "micro.qcow2")
        root = host.create_volume(name, VolumeSpec("root.qcow2", size, backing_path=base, backing_format="qcow2"))
        networks = tuple(_network(host, name, number) for number in (1, 2))
        spec = GuestSpec(
            uuid=uuid,
            name=name,
            title="live operations",
            vcpus=1,
            vcpus_max=2,
            memory_mib=320,
            memory_max_mib=320,
            acceleration="qemu",
            disks=(DiskSpec("vda", root.path, "qcow2", boot_order=1), DiskSpec("sda", "", "raw", bus="scsi", device="cdrom")),
            nics=(NicSpec(networks[0], MAC),),
        )
        host.define_guest(spec)
        host.start_guest(uuid)
        shell = Shell(host.open_serial(uuid, take_over=True))
        shell.wait_for("kvmweb micro guest ready")
        yield Lab(host, spec, name, folder, networks, shell)
    finally:
        _clean_up(host, uuid, name, folder)


def _network(host: LibvirtHost, name: str, number: int) -> str:
    net, bridge = f"10.22{number}.77", f"lv{name[-8:]}{number}"
    spec = NetworkSpec(f"{name}-{number}", bridge, f"{net}.1", 24, f"{net}.2", f"{net}.99", forward="isolated", autostart=False)
    return host.ensure_network(spec).name


def _clean_up(host: LibvirtHost, uuid: object, name: str, folder: Path) -> None:
    for undo in (host.force_off_guest, host.undefine_guest):
        with suppress(HypervisorError):
            undo(uuid)
    connection = host._connection
    for thing in [*connection.listAllStoragePools(0), *connection.listAllNetworks(0)]:
        if thing.name().startswith(name):
            thing.destroy()
            thing.undefine()
    host.close()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_disk_is_plugged_grown_and_let_go(lab: Lab) -> None:
    volume = lab.host.create_volume(lab.pool, VolumeSpec("data.qcow2", 8 * MIB))
    disk = DiskSpec("vdb", volume.path, "qcow2")
    assert lab.host.attach_disk(lab.spec.uuid, disk).took is Took.NOW
    lab.shell.becomes("cat /sys/block/vdb/size", r"\b16384\b")
    assert lab.host.grow_disk(lab.spec.uuid, "vdb", 16 * MIB).took is Took.NOW
    lab.shell.becomes("cat /sys/block/vdb/size", r"\b32768\b")
    assert lab.host.detach_disk(lab.spec.uuid, "vdb", timeout_s=20).took is Took.NOW
    lab.shell.becomes("ls /sys/block", r"(?s)vda(?!.*vdb)")
    lab.host.delete_volume(lab.pool, "data.qcow2")


def test_a_network_interface_changes_under_the_guest(lab: Lab) -> None:
    nic = lab.spec.nics[0]
    assert lab.host.change_nic(lab.spec.uuid, replace(nic, is_link_up=False)).took is Took.NOW
    lab.shell.becomes("cat /sys/class/net/eth0/carrier", r"\r\n0\r")
    assert lab.host.change_nic(lab.spec.uuid, replace(nic, network=lab.networks[1])).took is Took.NOW
    lab.shell.becomes("cat /sys/class/net/eth0/carrier", r"\r\n1\r")
    other = NicSpec(lab.networks[0], "52:54:00:0d:0e:10")
    assert lab.host.attach_nic(lab.spec.uuid, other).took is Took.NOW
    lab.shell.becomes("cat /sys/class/net/eth1/address", other.mac)
    assert lab.host.detach_nic(lab.spec.uuid, other.mac, timeout_s=20).took is Took.NOW
    lab.shell.becomes("ls /sys/class/net", r"(?s)eth0(?!.*eth1)")


def test_processors_and_memory_change_inside(lab: Lab) -> None:
    assert lab.host.set_vcpus(lab.spec.uuid, 2, maximum=2).took is Took.NOW
    lab.shell.becomes("cat /sys/devices/system/cpu/present", r"\b0-1\b")
    assert lab.host.set_balloon(lab.spec.uuid, 256).took is Took.NOW
    lab.shell.becomes("grep MemTotal /proc/meminfo", r"MemTotal:\s+(1\d|2[0-4])\d{4} kB")
    assert lab.host.set_balloon(lab.spec.uuid, 320).took is Took.NOW


def test_a_medium_is_changed(lab: Lab) -> None:
    iso = lab.host.create_volume(lab.pool, VolumeSpec("medium.iso", 4 * MIB, "iso"))
    assert lab.host.insert_media(lab.spec.uuid, "sda", iso.path).took is Took.NOW
    lab.shell.becomes("blockdev --getsize64 /dev/sr0", r"\b4194304\b")
    assert lab.host.eject_media(lab.spec.uuid, "sda").took is Took.NOW


def test_a_running_disk_moves_between_pools_and_back_to_a_snapshot(lab: Lab) -> None:
    lab.shell.run("echo before > /disk/marker; sync")
    (lab.folder / "second").mkdir()
    lab.host.ensure_pool(PoolSpec(f"{lab.pool}-2", str(lab.folder / "second"), autostart=False))
    size = lab.host.volume(lab.pool, "root.qcow2").capacity_bytes
    assert lab.host.move_disk(lab.spec.uuid, "vda", pool=f"{lab.pool}-2", spec=VolumeSpec("root.qcow2", size)).took is Took.NOW
    lab.host.delete_volume(lab.pool, "root.qcow2")
    lab.shell.becomes("cat /disk/marker", "before")

    lab.host.create_snapshot(lab.spec.uuid, SnapshotSpec("live", kind="external", with_memory=True))
    lab.shell.run("echo after > /disk/marker; sync")
    assert lab.host.revert_snapshot(lab.spec.uuid, "live", token="1").power_state is PowerState.RUNNING
    lab.shell = Shell(lab.host.open_serial(lab.spec.uuid, take_over=True))
    lab.shell.becomes("cat /disk/marker", "before")
    lab.shell.run("echo again > /disk/marker; sync")
    lab.host.delete_snapshot(lab.spec.uuid, "live")
    assert lab.host.definition(lab.spec.uuid).spec.disks[0].path == str(lab.folder / "second" / "root.qcow2")
    lab.shell.becomes("cat /disk/marker", "again")
