"""One connection per process and address, replaced when dead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hypervisor import fake
from hypervisor.errors import HostUnreachable
from hypervisor.pool import HostPool
from hypervisor.specs import HostAddress

ADDRESS = HostAddress("unix", "/fake/h1")


@pytest.fixture(autouse=True)
def fresh_machines() -> Iterator[None]:
    fake.reset()
    yield
    fake.reset()


def test_the_same_connection_is_given_again() -> None:
    pool = HostPool(fake.connect)
    assert pool.host(ADDRESS) is pool.host(ADDRESS)
    assert fake.machine(ADDRESS).faults.connects == 1


def test_a_dead_connection_is_replaced() -> None:
    pool = HostPool(fake.connect)
    first = pool.host(ADDRESS)
    fake.machine(ADDRESS).drop_connections()
    second = pool.host(ADDRESS)
    assert second is not first
    assert second.guest_states() == []


def test_an_unreachable_host_does_not_spoil_the_next_try() -> None:
    pool = HostPool(fake.connect)
    fake.machine(ADDRESS).faults.is_unreachable = True
    with pytest.raises(HostUnreachable):
        pool.host(ADDRESS)
    fake.machine(ADDRESS).faults.is_unreachable = False
    assert pool.host(ADDRESS).is_alive()


def test_a_connection_from_before_a_fork_is_neither_used_nor_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = HostPool(fake.connect)
    first = pool.host(ADDRESS)
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert pool.host(ADDRESS) is not first
    assert first.is_alive()
