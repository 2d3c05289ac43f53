"""Writing changed sizes into a guest's definition: one edit of libvirt's own text, so that what an administrator added survives."""

from __future__ import annotations

from typing import Any

from guests.models import GuestState
from guests.steps.common import guest_if_there, guest_of, host_of, power_state
from jobs.workflow import JobContext
from kvmweb.errors import Conflict


def apply(context: JobContext) -> None:
    guest = guest_of(context)
    host, wanted = host_of(context, guest), context.args["changes"]
    if _is_resize(wanted) and power_state(host, guest) != GuestState.SHUTOFF:
        raise Conflict(f'Guest "{guest.name}" was started meanwhile.', hint="Shut it down, then retry.")
    _write(context, wanted)


def take_back(context: JobContext) -> None:
    _write(context, context.args["before"])


def _write(context: JobContext, values: dict[str, Any]) -> None:
    guest = guest_if_there(context)
    if guest is None:
        return
    host = host_of(context, guest)
    if host.guest_state(guest.uuid) is None:
        return
    if _is_resize(values):
        host.resize_guest(guest.uuid, vcpus=values.get("vcpus"), memory_mib=values.get("memory_mib"))
    if "autostart" in values:
        host.set_autostart(guest.uuid, enabled=values["autostart"])


def _is_resize(values: dict[str, Any]) -> bool:
    return bool({"vcpus", "memory_mib"} & set(values))
