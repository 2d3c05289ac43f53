"""The hosts that the contract runs on, from the fake to real QEMU, each with a name prefix of its own and cleaned up afterwards.

qemu:///embed is not among them: its connection has no storage pools, so there is nothing there that the others do not show.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hypervisor import fake
from hypervisor.errors import HypervisorError
from hypervisor.port import Host
from hypervisor.specs import DiskSpec, GuestSpec, HostAddress, NetworkSpec, PoolSpec, VolumeSpec
from tests.hypervisor.specs_for_tests import PLAIN_GUEST

LIBVIRT_SOCKET = os.environ.get("KVMWEB_LIBVIRT_SOCKET", "/run/libvirt/libvirt-sock")

TEST_DRIVER_FILE = """<node><cpu><mhz>2000</mhz><model>x86_64</model><active>4</active><nodes>1</nodes><sockets>1</sockets><cores>4</cores>
<threads>1</threads></cpu><memory>8388608</memory></node>"""

LACKS = {
    "test-file": "libvirt's test driver has no {what}",
    "test-daemon": "libvirt's test driver has no {what}",
    "fake": "the fake has no {what}",
    "real": "QEMU has no {what}",
}


@dataclass
class Bench:
    """One host under test and what belongs to this test on it."""

    name: str
    connect: Callable[[], Host]
    pool_path: str
    prefix: str = field(default_factory=lambda: f"ct-{uuid4().hex[:8]}")
    made_guests: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.host = self.connect()
        self.pool = f"{self.prefix}-pool"

    def needs(self, what: str, *, missing_on: tuple[str, ...] = ("test-file", "test-daemon")) -> None:
        if self.name in missing_on:
            pytest.skip(LACKS[self.name].format(what=what))

    def with_pool(self) -> str:
        self.host.ensure_pool(PoolSpec(self.pool, self.pool_path, autostart=False))
        return self.pool

    def spec(self, name: str = "guest", *, disks: tuple[DiskSpec, ...] = ()) -> GuestSpec:
        uuid = uuid4()
        self.made_guests.append(uuid)
        return replace(PLAIN_GUEST, uuid=uuid, name=f"{self.prefix}-{name}", title=f"{name} of a contract test", disks=disks)

    def defined(self, name: str = "guest") -> GuestSpec:
        """A guest with one empty disk, stopped."""
        volume = self.host.create_volume(self.with_pool(), VolumeSpec(f"{name}.qcow2", 1024 * 1024))
        spec = self.spec(name, disks=(DiskSpec("vda", volume.path, "qcow2", boot_order=1),))
        self.host.define_guest(spec)
        return spec

    def started(self, name: str = "guest") -> GuestSpec:
        spec = self.defined(name)
        self.host.start_guest(spec.uuid)
        return spec

    @property
    def subnet(self) -> str:
        """Of its own, so that tests may run beside each other."""
        return f"10.213.{int(self.prefix[-2:], 16)}"

    def network_spec(self, number: int = 0) -> NetworkSpec:
        """Another network for each number, up to 9."""
        name, bridge, net = f"{self.prefix}-net{number or ''}", f"ct{self.prefix[-8:]}{number or ''}", self.subnet
        if number:
            net = net.replace("10.213", f"10.{213 + number}")
        return NetworkSpec(name, bridge, f"{net}.1", 24, f"{net}.2", f"{net}.99", forward="isolated", autostart=False)

    def hold_on(self, uuid: UUID) -> None:
        """Play a guest that does not let go of its devices."""
        assert isinstance(self.host, fake.FakeHost)
        self.host.machine.faults.guests_holding_on.add(uuid)

    def clean_up(self) -> None:
        """Through a connection of its own: the test may have broken its."""
        host = self.connect()
        for uuid in self.made_guests:
            for undo in (host.force_off_guest, host.undefine_guest):
                with suppress(HypervisorError):
                    undo(uuid)
        if any(pool.name == self.pool for pool in host.pools()):
            for volume in host.volumes(self.pool):
                host.delete_volume(self.pool, volume.name)
        _remove_pools_and_networks(host, self.prefix)
        host.close()
        self.host.close()


def _remove_pools_and_networks(host: Host, prefix: str) -> None:
    """The port has no such calls yet, so this reaches below it."""
    connection = getattr(host, "_connection", None)
    if connection is None:
        return
    for thing in [*connection.listAllStoragePools(0), *connection.listAllNetworks(0)]:
        if thing.name().startswith(prefix):
            if thing.isActive():
                thing.destroy()
            thing.undefine()


def _fake_bench(folder: Path) -> Bench:
    address = HostAddress("unix", f"/fake/{uuid4()}")
    return Bench("fake", lambda: fake.connect(address), str(folder))


def _libvirt_bench(name: str, folder: Path) -> Bench:
    if name != "test-file" and not Path(LIBVIRT_SOCKET).exists():
        pytest.skip(f"no libvirtd listens on {LIBVIRT_SOCKET}")
    if name == "real" and os.getuid() != 0:
        pytest.skip("qemu:///system needs root")
    from hypervisor.libvirt.sessions import connect, connect_uri

    if name == "test-file":
        file = folder / "node.xml"
        file.write_text(TEST_DRIVER_FILE)
        shared = connect_uri(f"test://{file}")
        # Each open of the file form has a state of its own, so that all look-ups of a test must go through one connection.
        return Bench(name, lambda: shared, str(folder))
    address = HostAddress("local" if name == "real" else "test", LIBVIRT_SOCKET)
    return Bench(name, lambda: connect(address), str(folder))


@pytest.fixture(
    params=[
        pytest.param("fake", marks=pytest.mark.contract),
        pytest.param("test-file", marks=pytest.mark.contract),
        pytest.param("test-daemon", marks=pytest.mark.contract),
        pytest.param("real", marks=[pytest.mark.contract, pytest.mark.real]),
    ]
)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    # Not pytest's tmp_path: QEMU, which drops root, must be able to walk there.
    folder = Path(tempfile.mkdtemp(prefix="kvmweb-contract-", dir="/var/tmp"))
    folder.chmod(0o755)
    bench = _fake_bench(folder) if request.param == "fake" else _libvirt_bench(request.param, folder)
    try:
        yield bench
    finally:
        bench.clean_up()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def host(bench: Bench) -> Host:
    return bench.host
