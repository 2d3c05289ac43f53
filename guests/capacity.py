"""How much memory of a host guests may have: pure arithmetic over what the watcher or the host itself says."""

from __future__ import annotations

from hosts.models import Host


def memory_for_guests_mib(host: Host, *, free_mib: int, total_mib: int) -> int:
    """Free memory less the host's own reserve, plus what the operator allows to be promised beyond."""
    return free_mib - host.memory_reserved_mib + int((host.memory_overcommit - 1) * total_mib)


def memory_shortage(name: str, needed_mib: int, host: Host, *, free_mib: int, total_mib: int) -> str:
    """Empty when the guest fits; else the sentence. It names no host: a tenant reads it."""
    available = memory_for_guests_mib(host, free_mib=free_mib, total_mib=total_mib)
    if needed_mib <= available:
        return ""
    return f'Guest "{name}" cannot start: its host has {max(available, 0)} MiB free of the {needed_mib} MiB it needs.'
