"""Rates from counters: pure functions from two samples to one value. Nothing is read or stored here.

None means unknown: no earlier sample, a counter that went backwards (the guest was restarted), or no time passed.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypervisor.observed import GuestStats, HostLoad


@dataclass(frozen=True, slots=True)
class GuestRates:
    """`cpu_percent` is of all vCPUs together: 0 to 100."""

    cpu_percent: float | None = None
    memory_used_mib: int | None = None
    disk_read_bytes_per_s: float | None = None
    disk_write_bytes_per_s: float | None = None
    net_rx_bytes_per_s: float | None = None
    net_tx_bytes_per_s: float | None = None


def guest_rates(before: GuestStats | None, now: GuestStats) -> GuestRates:
    if before is None:
        return GuestRates(memory_used_mib=now.memory_used_mib)
    elapsed_s = now.at_monotonic_s - before.at_monotonic_s
    cpu_ns_per_s = _rate(before.cpu_time_ns, now.cpu_time_ns, elapsed_s)
    return GuestRates(
        cpu_percent=None if cpu_ns_per_s is None else _percent(cpu_ns_per_s / 1e9 / max(1, now.vcpus or 1)),
        memory_used_mib=now.memory_used_mib,
        disk_read_bytes_per_s=_rate(before.disk_read_bytes, now.disk_read_bytes, elapsed_s),
        disk_write_bytes_per_s=_rate(before.disk_write_bytes, now.disk_write_bytes, elapsed_s),
        net_rx_bytes_per_s=_rate(before.net_rx_bytes, now.net_rx_bytes, elapsed_s),
        net_tx_bytes_per_s=_rate(before.net_tx_bytes, now.net_tx_bytes, elapsed_s),
    )


def host_cpu_percent(before: HostLoad | None, now: HostLoad) -> float | None:
    if before is None:
        return None
    total = now.cpu_total_ns - before.cpu_total_ns
    busy = now.cpu_busy_ns - before.cpu_busy_ns
    return None if total <= 0 or busy < 0 else _percent(busy / total)


def _rate(before: int | None, now: int | None, elapsed_s: float) -> float | None:
    if before is None or now is None or now < before or elapsed_s <= 0:
        return None
    return (now - before) / elapsed_s


def _percent(fraction: float) -> float:
    # Two clocks are read one after the other: a busy guest may seem to use a little more than all it has.
    return round(min(100.0, max(0.0, 100 * fraction)), 1)
