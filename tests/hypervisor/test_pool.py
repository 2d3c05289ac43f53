"""One connection per process and address, replaced when dead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hypervisor import fake
from hypervisor.errors import HostUnreachable
from hypervisor.pool import HostPool
from hypervisor.port import Host
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
    pool.drop(ADDRESS)
    pool.close_all()
    assert first.is_alive()


def test_a_dropped_connection_is_closed_and_made_anew() -> None:
    pool = HostPool(fake.connect)
    first = pool.host(ADDRESS)
    pool.drop(ADDRESS)
    assert not first.is_alive()
    assert pool.host(ADDRESS) is not first


def test_of_two_connections_opened_at_once_the_second_is_closed() -> None:
    opened: list[Host] = []
    both_are_opening = threading.Barrier(2, timeout=5)

    def connect(address: HostAddress, *, timeout_s: float = 10.0) -> Host:
        both_are_opening.wait()
        opened.append(fake.connect(address, timeout_s=timeout_s))
        return opened[-1]

    pool = HostPool(connect)
    with ThreadPoolExecutor(2) as threads:
        got = list(threads.map(lambda _: pool.host(ADDRESS), range(2)))
    assert got[0] is got[1]
    assert [host.is_alive() for host in opened].count(True) == 1
    assert got[0].is_alive()
