"""What a host needs to be useful: one function per check on an open connection, from what the host says to a sentence and a fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hypervisor.port import Host

OLDEST_LIBVIRT = (8, 0, 0)
LEAST_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """`fix` is empty when all is well."""

    outcome: Literal["ok", "warning", "problem"]
    sentence: str
    fix: str = ""


def check_reach(host: Host) -> Finding:
    guests = len(host.guest_states())
    return Finding("ok", f"Its libvirt answers and lists {guests} guests.")


def check_versions(host: Host) -> Finding:
    info = host.info()
    sentence = f"{info.driver} driver {info.hypervisor_version}, libvirt {info.libvirt_version}, {info.architecture}, {info.cpus} CPUs."
    if _version(info.libvirt_version) < OLDEST_LIBVIRT:
        wanted = ".".join(map(str, OLDEST_LIBVIRT))
        return Finding("problem", sentence, f"Upgrade libvirt to {wanted} or newer: older ones lack calls this product uses.")
    return Finding("ok", sentence)


def check_acceleration(host: Host) -> Finding:
    info = host.info()
    if info.acceleration == "kvm":
        return Finding("ok", info.acceleration_reason)
    if info.acceleration == "none":
        return Finding("warning", info.acceleration_reason, "Use it to try things out only.")
    return Finding(
        "warning",
        info.acceleration_reason,
        "Guests work, but ten to fifty times slower. For real work turn on virtualisation in the firmware and load the kvm module.",
    )


def check_pool(host: Host) -> Finding:
    active = [pool for pool in host.pools() if pool.is_active]
    if not active:
        return Finding(
            "problem", "It has no active storage pool.", "On the host: virsh pool-define-as default dir --target DIR, then pool-start."
        )
    best = max(active, key=lambda pool: pool.available_bytes)
    free = f"{best.available_bytes / 1024**3:.0f} GiB"
    if best.available_bytes < LEAST_FREE_BYTES:
        return Finding(
            "problem", f"Its largest pool, {best.name}, has only {free} free.", "Free space there, or add a pool on a larger disk."
        )
    return Finding("ok", f"Pool {best.name} has {free} free.")


def check_network(host: Host) -> Finding:
    networks = host.networks()
    active = [network.name for network in networks if network.is_active]
    if active:
        return Finding("ok", f"Active networks: {', '.join(sorted(active)[:10])}.")
    if networks:
        return Finding("problem", "None of its networks is active.", f"On the host: virsh net-start {networks[0].name}.")
    return Finding(
        "problem", "It has no network.", "On the host: virsh net-define /usr/share/libvirt/networks/default.xml, then net-start default."
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
