"""Which buttons of a guest work for whom, and why the others do not: state, role and running job in one answer.

Pure: it reads the values given and nothing else. The gate and the services check again when the button is pressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from guests.models import Guest, GuestState
from guests.states import MISSING, why_not_in
from jobs.models import Job
from tenants.actor import Actor
from tenants.policy import may, why_not

OPERATION_OF: dict[str, str] = {
    "start": "guest.start",
    "shutdown": "guest.shutdown",
    "reboot": "guest.reboot",
    "reset": "guest.reset",
    "force-off": "guest.force_off",
    "suspend": "guest.suspend",
    "resume": "guest.resume",
    "console": "console.open",
    "view-console": "console.view",
    "change": "guest.change",
    "delete": "guest.delete",
    "transfer": "guest.transfer",
}
POWER_VERBS = ("start", "shutdown", "reboot", "reset", "force-off", "suspend", "resume")

Answer = dict[str, bool | str]


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """What decides. `job_title` and `job_kind` are empty when nothing is being done with the guest."""

    tenant_id: UUID
    state: str
    is_missing: bool = False
    is_protected: bool = False
    host_state: str = "up"
    job_title: str = ""
    job_kind: str = ""


def facts_of(guest: Guest, active_job: Job | None) -> GuestFacts:
    return GuestFacts(
        tenant_id=guest.tenant_id,
        state=guest.state,
        is_missing=guest.is_missing,
        is_protected=guest.is_protected,
        host_state=guest.host.state,
        job_title=active_job.title if active_job else "",
        job_kind=active_job.kind if active_job else "",
    )


def allowed_actions(actor: Actor, guest: Guest, active_job: Job | None) -> dict[str, Answer]:
    """verb -> {"allowed", "reason"}. The reason is a sentence, empty when allowed."""
    return answers(actor, facts_of(guest, active_job))


def answers(actor: Actor, facts: GuestFacts) -> dict[str, Answer]:
    return {verb: _answer(reason_against(actor, facts, verb)) for verb in OPERATION_OF}


def reason_against(actor: Actor, facts: GuestFacts, verb: str) -> str:
    """Role first (nothing to wait for), then what is going on, then the state."""
    role = why_not(actor, OPERATION_OF[verb], facts.tenant_id) or (_nowhere_to_give(actor, facts) if verb == "transfer" else "")
    return role or _busy(facts, verb) or _state_against(facts, verb)


def _nowhere_to_give(actor: Actor, facts: GuestFacts) -> str:
    if actor.is_operator or any(may(actor, "guest.transfer", other) for other in actor.tenant_ids - {facts.tenant_id}):
        return ""
    return "You are owner of no other tenant. An operator can give it to any tenant."


def _busy(facts: GuestFacts, verb: str) -> str:
    if verb == "force-off" and facts.job_kind == "guest.shutdown":
        return ""  # what one wants when the guest does not answer
    if facts.job_title and verb in (*POWER_VERBS, "delete", "transfer"):
        return f"Busy: {facts.job_title}. Wait, or cancel that job."
    return ""


def _state_against(facts: GuestFacts, verb: str) -> str:
    if verb == "delete":
        return "It is protected. Switch the protection off first." if facts.is_protected else ""
    if verb in ("change", "transfer"):
        return "It is being created. Wait until that is done." if facts.state == GuestState.CREATING else ""
    if facts.host_state == "disabled":
        return "Its host is disabled. An operator can enable it."
    if verb in ("console", "view-console"):
        if facts.is_missing:
            return MISSING
        if facts.host_state != "up":
            return "Its host does not answer just now."
        return why_not_in("console", facts.state)
    return why_not_in(verb, facts.state, is_missing=facts.is_missing)


def _answer(reason: str) -> Answer:
    return {"allowed": not reason, "reason": reason}
