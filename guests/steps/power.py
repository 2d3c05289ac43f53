"""Power steps: look first, then act, then write down what the host says. Each may run twice.

Reboot and reset leave no trace that a second run could find; doing either twice is harmless.
"""

from __future__ import annotations

import time

from django.conf import settings

from guests.capacity import memory_shortage
from guests.models import Guest
from guests.steps.common import guest_of, host_of, power_state, write_state
from hypervisor import broker_client
from hypervisor.observed import PowerState
from hypervisor.port import Host as OpenHost
from jobs.models import Job
from jobs.workflow import JobContext
from kvmweb.errors import Conflict, NoCapacity

SHUTDOWN_TIMEOUT_S = 90
ASK_AGAIN_EVERY_S = 15
"""A guest that is still booting does not hear the power button."""
LOOK_EVERY_S = 0.5


def start(context: JobContext) -> None:
    guest = guest_of(context)
    host = host_of(context, guest)
    if power_state(host, guest) is PowerState.SHUTOFF:
        check_memory(guest, host)
        host.start_guest(guest.uuid)
        _listen_to(guest)
    write_state(host, guest)


def _listen_to(guest: Guest) -> None:
    """So that who opens the serial line in a minute sees how the guest came up."""
    broker_client.listen(settings.CONSOLE_BROKER_SOCKET, guest.host.hypervisor_address, guest.uuid)


def check_memory(guest: Guest, host: OpenHost) -> None:
    """Raise NoCapacity when the host's memory does not do: QEMU would start and the host would swap or kill."""
    load = host.load()
    shortage = memory_shortage(guest.name, guest.memory_mib, guest.host, free_mib=load.memory_free_mib, total_mib=load.memory_total_mib)
    if shortage:
        raise NoCapacity(shortage, hint="Stop another guest there, give this one less memory, or ask an operator to move it.")


def shutdown(context: JobContext) -> None:
    """Ask, and wait for the guest to go down: only then the job has done what its name says."""
    guest = guest_of(context)
    host = host_of(context, guest)
    limit_s = float(context.args.get("timeout_s") or SHUTDOWN_TIMEOUT_S)
    began = asked = time.monotonic()
    if not _is_off(host, guest):
        host.shutdown_guest(guest.uuid)
    while not _is_off(host, guest):
        now = time.monotonic()
        if now - began >= limit_s:
            write_state(host, guest)
            raise Conflict(
                f'Guest "{guest.name}" was asked to shut down and is still running after {limit_s:.0f} s.',
                hint="Force it off, or wait: it may still be closing down. Without an agent it has to listen to the power button.",
                code="no_answer",
            )
        context.progress((now - began) / limit_s)
        if _is_to_be_forced(context):
            host.force_off_guest(guest.uuid)
            write_state(host, guest)
            context.finish_with(f"It was forced off after {now - began:.0f} s of waiting.")
            return
        if now - asked >= ASK_AGAIN_EVERY_S:
            host.shutdown_guest(guest.uuid)
            asked = now
        context.sleep(LOOK_EVERY_S)
    write_state(host, guest)
    context.finish_with(f"It shut down after {time.monotonic() - began:.0f} s.")


def _is_to_be_forced(context: JobContext) -> bool:
    """Whether somebody pressed Force off meanwhile."""
    args = Job.objects.filter(pk=context.job_id).values_list("args", flat=True).first()
    return bool(args and args.get("force"))


def _is_off(host: OpenHost, guest: Guest) -> bool:
    seen = host.guest_state(guest.uuid)  # a transient guest is gone once it is off
    return seen is None or seen.power_state is PowerState.SHUTOFF


def reboot(context: JobContext) -> None:
    guest = guest_of(context)
    host = host_of(context, guest)
    if power_state(host, guest) is not PowerState.RUNNING:
        raise _changed_meanwhile(guest, "running")
    _listen_to(guest)
    host.reboot_guest(guest.uuid)
    write_state(host, guest)


def reset(context: JobContext) -> None:
    guest = guest_of(context)
    host = host_of(context, guest)
    if power_state(host, guest) is PowerState.SHUTOFF:
        raise _changed_meanwhile(guest, "running")
    _listen_to(guest)
    host.reset_guest(guest.uuid)
    write_state(host, guest)


def force_off(context: JobContext) -> None:
    guest = guest_of(context)
    host = host_of(context, guest)
    if not _is_off(host, guest):
        host.force_off_guest(guest.uuid)
    write_state(host, guest)


def suspend(context: JobContext) -> None:
    guest = guest_of(context)
    host = host_of(context, guest)
    if power_state(host, guest) is not PowerState.PAUSED:
        host.suspend_guest(guest.uuid)
    write_state(host, guest)


def resume(context: JobContext) -> None:
    guest = guest_of(context)
    host = host_of(context, guest)
    if power_state(host, guest) is not PowerState.RUNNING:
        host.resume_guest(guest.uuid)
    write_state(host, guest)


def _changed_meanwhile(guest: Guest, wanted: str) -> Conflict:
    return Conflict(f'Guest "{guest.name}" is not {wanted} any more.', hint="It changed since the button was pressed. Look again.")
