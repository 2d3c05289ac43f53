"""Power actions: each checks the state, writes what is wanted, and hands the work to a job. One active job per guest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guests.live import hand_over
from guests.models import Guest
from guests.states import DESIRED_AFTER, why_not_in
from hosts.models import HostState
from jobs.models import Job, JobState
from jobs.services import submit
from kvmweb.errors import Conflict, InvalidInput
from tenants.actor import Actor
from tenants.gate import operation

LONGEST_SHUTDOWN_S = 3600
STILL_WAITING = (JobState.QUEUED, JobState.RUNNING)

_WORDS = {
    "start": "start",
    "shutdown": "shut down",
    "reboot": "reboot",
    "reset": "be reset",
    "force-off": "be forced off",
    "suspend": "be paused",
    "resume": "resume",
}


@operation("guest.start")
def start_guest(actor: Actor, guest: Guest) -> Job:
    return _submit(actor, guest, "start", title="Start guest")


@operation("guest.shutdown")
def shutdown_guest(actor: Actor, guest: Guest, *, timeout_s: int | None = None) -> Job:
    """Ask the guest and wait up to `timeout_s` (90 s when not given) for it to go down."""
    if timeout_s is not None and not 1 <= timeout_s <= LONGEST_SHUTDOWN_S:
        raise InvalidInput(fields={"timeout_s": f"Choose 1 to {LONGEST_SHUTDOWN_S} seconds."})
    return _submit(actor, guest, "shutdown", title="Shut down guest", args={"timeout_s": timeout_s} if timeout_s else None)


@operation("guest.reboot")
def reboot_guest(actor: Actor, guest: Guest) -> Job:
    return _submit(actor, guest, "reboot", title="Reboot guest")


@operation("guest.reset")
def reset_guest(actor: Actor, guest: Guest) -> Job:
    return _submit(actor, guest, "reset", title="Reset guest")


@operation("guest.force_off")
def force_off_guest(actor: Actor, guest: Guest) -> Job:
    """While a shutdown waits for the guest's answer, that job is told not to wait any longer, and is the one returned."""
    waiting = Job.objects.select_for_update().filter(target_id=guest.pk, kind="guest.shutdown", state__in=STILL_WAITING).first()
    if waiting is not None:
        waiting.args["force"] = True
        Job.objects.filter(pk=waiting.pk).update(args=waiting.args)
        return waiting
    return _submit(actor, guest, "force-off", title="Force off guest")


@operation("guest.suspend")
def suspend_guest(actor: Actor, guest: Guest) -> Job:
    return _submit(actor, guest, "suspend", title="Pause guest")


@operation("guest.resume")
def resume_guest(actor: Actor, guest: Guest) -> Job:
    return _submit(actor, guest, "resume", title="Resume guest")


POWER: dict[str, Callable[..., Job]] = {
    "start": start_guest,
    "shutdown": shutdown_guest,
    "reboot": reboot_guest,
    "reset": reset_guest,
    "force-off": force_off_guest,
    "suspend": suspend_guest,
    "resume": resume_guest,
}
"""By the verb of the URL. Each takes (actor, guest) and returns the job."""


def _submit(actor: Actor, guest: Guest, verb: str, *, title: str, args: dict[str, Any] | None = None) -> Job:
    row = Guest.objects.select_for_update(of=("self",)).select_related("host", "tenant").get(pk=guest.pk)
    _refuse_in_wrong_state(row, verb)
    job = submit(
        actor,
        kind=f"guest.{verb.replace('-', '_')}",
        title=f"{title} {row.name}",
        target=row,
        tenant=row.tenant,
        host_id=row.host_id,
        exclusive_key=f"guest:{row.pk}",
        args={"guest_id": str(row.pk), **(args or {})},
    )
    hand_over(row, job, desired_state=DESIRED_AFTER[verb])
    return job


def _refuse_in_wrong_state(guest: Guest, verb: str) -> None:
    if guest.host.state == HostState.DISABLED:
        raise Conflict(f'Guest "{guest.name}" cannot {_WORDS[verb]}: its host is disabled.', hint="An operator can enable the host.")
    reason = why_not_in(verb, guest.state, is_missing=guest.is_missing)
    if reason:
        raise Conflict(f'Guest "{guest.name}" cannot {_WORDS[verb]}. {reason}', details={"state": guest.state})
