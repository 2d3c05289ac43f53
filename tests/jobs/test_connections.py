"""A worker's connections: the settings choose who opens them, `HostPool` keeps them (tests/hypervisor/test_pool.py)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from hypervisor import fake
from hypervisor.specs import HostAddress
from jobs import connections

ADDRESS = HostAddress("unix", "/fake/connections")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    connections.close_all()
    yield
    connections.close_all()
    fake.reset()


def test_a_worker_keeps_its_connection_until_it_is_dropped() -> None:
    first = connections.host_at(ADDRESS)
    assert connections.host_at(ADDRESS) is first
    connections.drop(ADDRESS)
    assert not first.is_alive()
    assert connections.host_at(ADDRESS) is not first


def test_a_child_does_not_destroy_its_parents_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collected as garbage, a connection of libvirt hangs up: on the socket that the parent uses."""
    inherited = weakref.ref(connections.host_at(ADDRESS))
    with monkeypatch.context() as child:
        child.setattr("os.getpid", lambda: -1)
        assert connections.host_at(ADDRESS) is not inherited()
        gc.collect()
        still_there = inherited()
        assert still_there is not None
        assert still_there.is_alive()
