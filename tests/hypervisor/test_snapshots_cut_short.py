"""A worker may die between any two steps of a snapshot operation: doing it again ends where it would have ended, with nothing lost.

On the fake, every primitive is made to fail in turn, once before and once after its effect.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from hypervisor import fake
from hypervisor.fake import FakeHost, HostSnapshot
from hypervisor.specs import DiskSpec, GuestSpec, HostAddress, PoolSpec, SnapshotSpec, VolumeSpec

MIB = 1024 * 1024
UUID = uuid4()
PRIMITIVES = (
    "_merge",
    "_redefine_snapshot",
    "_define",
    "_drop_file",
    "_forget_snapshot",
    "_make_overlay",
    "_restore_memory",
    "_take",
    "_files",
)


class Died(Exception):
    """The worker is gone."""


class Mortal:
    """A host whose `at`th primitive call kills the worker, before or after its effect. at 0: never."""

    def __init__(self, host: FakeHost, *, at: int, after: bool) -> None:
        self.calls = 0
        self.is_inside = False
        for name in PRIMITIVES:
            setattr(host, name, self._wrapped(getattr(host, name), at, after))

    def _wrapped(self, primitive: Callable[..., Any], at: int, after: bool) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.is_inside:  # the fake's primitives use each other; a host's are one call each
                return primitive(*args, **kwargs)
            self.calls += 1
            number = self.calls
            if number == at and not after:
                raise Died
            self.is_inside = True
            result = primitive(*args, **kwargs)
            self.is_inside = False
            if number == at and after:
                raise Died
            return result

        return call


def write(host: FakeHost, path: str, content: bytes) -> None:
    name = path.rsplit("/", 1)[1]
    host.upload_volume("p", name, io.BytesIO(content), len(content), lambda done, total: None)


def prepared(*, is_running: bool = False) -> tuple[FakeHost, HostAddress]:
    """A guest with two disks and a tree: one - two - three - (active), and beside it one - side, gone back from."""
    address = HostAddress("unix", f"/fake/{uuid4()}")
    host = fake.connect(address)
    host.ensure_pool(PoolSpec("p", "/p"))
    paths = [host.create_volume("p", VolumeSpec(f"{name}.qcow2", MIB)).path for name in ("root", "data")]
    disks = (DiskSpec("vda", paths[0], "qcow2", boot_order=1), DiskSpec("vdb", paths[1], "qcow2"))
    host.define_guest(GuestSpec(UUID, "g", "g", 1, 128, "qemu", disks=disks))
    write(host, paths[0], b"at one")
    host.create_snapshot(UUID, SnapshotSpec("one", kind="external"))
    write(host, "/p/root~one.qcow2", b"at side")
    host.create_snapshot(UUID, SnapshotSpec("side", kind="external"))
    host.revert_snapshot(UUID, "one", token="a")
    write(host, "/p/root~one-a.qcow2", b"at two")
    host.create_snapshot(UUID, SnapshotSpec("two", kind="external"))
    write(host, "/p/root~two.qcow2", b"at three")
    host.create_snapshot(UUID, SnapshotSpec("three", kind="external"))
    write(host, "/p/root~three.qcow2", b"now")
    if is_running:
        host.start_guest(UUID)
    return host, address


OPERATIONS: dict[str, Callable[[FakeHost], object]] = {
    "delete one": lambda host: host.delete_snapshot(UUID, "one"),
    "delete two": lambda host: host.delete_snapshot(UUID, "two"),
    "delete three": lambda host: host.delete_snapshot(UUID, "three"),
    "delete side": lambda host: host.delete_snapshot(UUID, "side"),
    "revert to one": lambda host: host.revert_snapshot(UUID, "one", token="b", abandoned=("/p/root~three.qcow2", "/p/data~three.qcow2")),
    "revert to side": lambda host: host.revert_snapshot(UUID, "side", token="b", abandoned=("/p/root~three.qcow2", "/p/data~three.qcow2")),
    "take": lambda host: host.create_snapshot(UUID, SnapshotSpec("four", kind="external")),
}


def what_can_be_seen(host: FakeHost) -> dict[str, bytes]:
    """What the guest and each of its snapshots hold on their first disk."""
    volumes = {volume.path: volume.content for volume in host.machine.pools["p"].volumes.values()}
    states = {one.name: volumes.get(one.disks[0].path, b"gone") for one in host.snapshots(UUID)}
    return states | {"now": volumes[host.definition(UUID).spec.disks[0].path]}


def outcome(operation: str, *, is_running: bool) -> tuple[int, HostSnapshot, dict[str, bytes]]:
    host, address = prepared(is_running=is_running)
    mortal = Mortal(host, at=0, after=False)
    OPERATIONS[operation](host)
    return mortal.calls, fake.machine(address).snapshot(), what_can_be_seen(host)


def test_the_tree_is_as_the_tests_think() -> None:
    host, _address = prepared()
    assert what_can_be_seen(host) == {"one": b"at one", "side": b"at side", "two": b"at two", "three": b"at three", "now": b"now"}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("is_running", [False, True], ids=["stopped", "running"])
def test_an_operation_cut_short_anywhere_is_done_by_doing_it_again(operation: str, after: bool, is_running: bool) -> None:
    steps, clean, seen = outcome(operation, is_running=is_running)
    assert steps >= 2
    for at in range(1, steps + 1):
        host, address = prepared(is_running=is_running)
        promised = {name: content for name, content in what_can_be_seen(host).items() if name in seen}
        Mortal(host, at=at, after=after)
        with pytest.raises(Died):
            OPERATIONS[operation](host)
        survivor = fake.connect(address)
        between = what_can_be_seen(survivor)
        for name, content in promised.items():
            if name != "now":
                assert between[name] == content, f"{operation} cut at {at}: snapshot {name} holds {between[name]!r}"
        OPERATIONS[operation](survivor)
        assert what_can_be_seen(survivor) == seen, f"{operation} cut at {at}"
        ended = fake.machine(address).snapshot()
        assert (ended.guests, ended.snapshots) == (clean.guests, clean.snapshots), f"{operation} cut at {at}"
        assert ended.volumes == clean.volumes, f"{operation} cut at {at}: {set(ended.volumes) ^ set(clean.volumes)}"


def test_everything_deleted_leaves_the_first_files() -> None:
    for order in permutations(("one", "two", "three", "side")):
        host, address = prepared()
        for name in order:
            host.delete_snapshot(UUID, name)
        assert [volume[1] for volume in fake.machine(address).snapshot().volumes] == ["data.qcow2", "root.qcow2"], order
        assert what_can_be_seen(host) == {"now": b"now"}
