"""Power actions as workflows. There is nothing to undo: a guest that is half-way stopped is not started again behind anybody's back."""

from __future__ import annotations

from collections.abc import Callable

from guests.live import touch
from guests.models import Guest
from guests.steps import power
from jobs.workflow import JobContext, Step, Workflow


def _settle(context: JobContext) -> None:
    touch(context.args["guest_id"])


def _give_up(context: JobContext) -> None:
    """What was wanted did not happen; from here on what is counts as wanted, so that nothing starts or stops it later."""
    guest = Guest.objects.filter(pk=context.args["guest_id"]).first()
    if guest is not None:
        touch(guest.pk, desired_state=guest.state)


def _workflow(kind: str, title: str, do: Callable[[JobContext], None]) -> Workflow:
    step = Step(kind.removeprefix("guest."), title, do)
    return Workflow(kind, (step,), on_success=_settle, on_failure=_give_up)


START_GUEST = _workflow("guest.start", "Start the guest", power.start)
SHUTDOWN_GUEST = _workflow("guest.shutdown", "Ask the guest to shut down and wait", power.shutdown)
REBOOT_GUEST = _workflow("guest.reboot", "Ask the guest to reboot", power.reboot)
RESET_GUEST = _workflow("guest.reset", "Press reset", power.reset)
FORCE_OFF_GUEST = _workflow("guest.force_off", "Pull the plug", power.force_off)
SUSPEND_GUEST = _workflow("guest.suspend", "Pause the guest", power.suspend)
RESUME_GUEST = _workflow("guest.resume", "Let the guest go on", power.resume)
