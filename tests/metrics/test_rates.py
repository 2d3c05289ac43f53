"""Rates from two samples of counters."""

from __future__ import annotations

from uuid import UUID

import pytest

from hypervisor.observed import GuestStats, HostLoad
from metrics.rates import GuestRates, guest_rates, host_cpu_percent

ONE = UUID(int=1)


def stats(at_s: float, **fields: int | None) -> GuestStats:
    return GuestStats(uuid=ONE, at_monotonic_s=at_s, **fields)


def test_the_first_sample_gives_memory_only():
    assert guest_rates(None, stats(0, cpu_time_ns=5, memory_used_mib=100)) == GuestRates(memory_used_mib=100)


def test_rates_are_per_second_and_cpu_is_of_all_vcpus():
    before = stats(100, vcpus=2, cpu_time_ns=0, disk_read_bytes=0, net_rx_bytes=1000)
    now = stats(110, vcpus=2, cpu_time_ns=10 * 10**9, disk_read_bytes=5000, net_rx_bytes=1000)
    assert guest_rates(before, now) == GuestRates(cpu_percent=50.0, disk_read_bytes_per_s=500.0, net_rx_bytes_per_s=0.0)


def test_a_counter_that_went_back_is_unknown():
    rates = guest_rates(stats(0, cpu_time_ns=100, disk_write_bytes=9), stats(10, cpu_time_ns=5, disk_write_bytes=10))
    assert (rates.cpu_percent, rates.disk_write_bytes_per_s) == (None, 0.1)


@pytest.mark.parametrize("elapsed", [0, -1])
def test_no_time_passed_is_unknown(elapsed):
    assert guest_rates(stats(10, cpu_time_ns=0), stats(10 + elapsed, cpu_time_ns=5)).cpu_percent is None


def test_cpu_never_leaves_0_to_100():
    assert guest_rates(stats(0, cpu_time_ns=0, vcpus=1), stats(1, cpu_time_ns=2 * 10**9, vcpus=1)).cpu_percent == 100.0


def test_host_load():
    def load(busy: int, total: int) -> HostLoad:
        return HostLoad(memory_free_mib=0, memory_total_mib=0, cpu_busy_ns=busy, cpu_total_ns=total)

    assert host_cpu_percent(load(0, 0), load(25, 100)) == 25.0
    assert host_cpu_percent(None, load(25, 100)) is None
    assert host_cpu_percent(load(50, 100), load(25, 200)) is None
    assert host_cpu_percent(load(25, 100), load(25, 100)) is None
