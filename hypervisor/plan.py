"""From the definition there is to the one that is wanted: the calls of the port that lead there, in order. Pure; nothing is decided twice.

    for step in plan(before, after):
        result = step.on(host, uuid)

Each call looks first, so that a plan may be cut short and run again. What the calls cannot do while the guest runs waits for its next
start; `changes.diff` tells people beforehand, `ChangeResult` afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from hypervisor.outcomes import ChangeResult
from hypervisor.port import Host
from hypervisor.specs import DiskSpec, GuestSpec


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """`call` is a method of `port.Host` whose first argument is the guest's uuid."""

    call: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def on(self, host: Host, uuid: UUID) -> ChangeResult | None:
        """None from calls that change the definition only."""
        result = getattr(host, self.call)(uuid, **self.arguments)
        return result if isinstance(result, ChangeResult) else None


def plan(before: GuestSpec, after: GuestSpec) -> tuple[PlannedCall, ...]:
    """`before` should be host.definition(uuid).spec. Disks are told apart by target, NICs by MAC. A disk on another file is another disk;
    moving what it holds is `move_disk`."""
    calls = [*_rename(before, after), *_detach(before, after), *_change(before, after), *_attach(before, after), *_sizes(before, after)]
    reached = replace(
        before,
        name=after.name,
        disks=after.disks,
        nics=after.nics,
        host_devices=after.host_devices,
        vcpus=after.vcpus,
        vcpus_max=after.vcpus_max,
        memory_mib=after.memory_mib,
        memory_max_mib=after.memory_max_mib,
        autostart=after.autostart,
    )
    if reached != after:
        calls.append(PlannedCall("change_guest", {"spec": after}))
    if before.autostart != after.autostart:
        calls.append(PlannedCall("set_autostart", {"enabled": after.autostart}))
    return tuple(calls)


def _rename(before: GuestSpec, after: GuestSpec) -> Iterator[PlannedCall]:
    if before.name != after.name:
        yield PlannedCall("rename_guest", {"name": after.name})


def _detach(before: GuestSpec, after: GuestSpec) -> Iterator[PlannedCall]:
    kept = {disk.target: disk for disk in after.disks}
    for disk in before.disks:
        if disk.target not in kept or _is_another(disk, kept[disk.target]):
            yield PlannedCall("detach_disk", {"target": disk.target})
    macs = {nic.mac for nic in after.nics}
    yield from (PlannedCall("detach_nic", {"mac": nic.mac}) for nic in before.nics if nic.mac not in macs)
    gone = (device for device in before.host_devices if device not in after.host_devices)
    yield from (PlannedCall("detach_host_device", {"device": device}) for device in gone)


def _change(before: GuestSpec, after: GuestSpec) -> Iterator[PlannedCall]:
    there = {disk.target: disk for disk in before.disks}
    for disk in after.disks:
        was = there.get(disk.target)
        if was is None or was == disk or _is_another(was, disk):
            continue
        if was.device == "cdrom" and was.path != disk.path:
            yield (
                PlannedCall("insert_media", {"target": disk.target, "path": disk.path})
                if disk.path
                else PlannedCall("eject_media", {"target": disk.target})
            )
            was = replace(was, path=disk.path)
        if was != disk:
            yield PlannedCall("change_disk", {"disk": disk})
    nics = {nic.mac: nic for nic in before.nics}
    yield from (PlannedCall("change_nic", {"nic": nic}) for nic in after.nics if nics.get(nic.mac, nic) != nic)


def _attach(before: GuestSpec, after: GuestSpec) -> Iterator[PlannedCall]:
    there = {disk.target: disk for disk in before.disks}
    for disk in after.disks:
        if disk.target not in there or _is_another(there[disk.target], disk):
            yield PlannedCall("attach_disk", {"disk": disk})
    macs = {nic.mac for nic in before.nics}
    yield from (PlannedCall("attach_nic", {"nic": nic}) for nic in after.nics if nic.mac not in macs)
    new = (device for device in after.host_devices if device not in before.host_devices)
    yield from (PlannedCall("attach_host_device", {"device": device}) for device in new)


def _sizes(before: GuestSpec, after: GuestSpec) -> Iterator[PlannedCall]:
    if (before.vcpus, before.vcpus_max) != (after.vcpus, after.vcpus_max):
        yield PlannedCall("set_vcpus", {"vcpus": after.vcpus, "maximum": after.vcpus_max})
    if (before.memory_mib, before.memory_max_mib) != (after.memory_mib, after.memory_max_mib):
        yield PlannedCall("set_memory", {"memory_mib": after.memory_mib, "maximum_mib": after.memory_max_mib})


def _is_another(was: DiskSpec, disk: DiskSpec) -> bool:
    if was.device != disk.device:
        return True
    return was.device == "disk" and was.path != disk.path
