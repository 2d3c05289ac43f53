"""One power action for many guests: one job over them, which says what became of each (`guests.steps.bulk` does the work)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from guests.actions import facts_of, reason_against
from guests.models import Guest
from guests.selectors import GuestFilter, guest_list
from jobs.models import ACTIVE_STATES, ItemState, Job, JobItem
from jobs.selectors import active_jobs_for
from jobs.services import submit
from kvmweb.errors import Conflict, InvalidInput, NotFound
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import Tenant

MOST_GUESTS = 1000
MOST_AT_ONCE = 50
MOST_UNDER_WAY = 20
NOT_THERE = "There is no such guest, or you may not see it."
TITLES = {
    "start": "Start",
    "shutdown": "Shut down",
    "reboot": "Reboot",
    "reset": "Reset",
    "force-off": "Force off",
    "suspend": "Pause",
    "resume": "Resume",
}


@dataclass(frozen=True, slots=True)
class Pace:
    """`parallel`: so many at a time. `stop_on_errors`: after so many failures no more are begun; 0: never stop.

    `canary`: so many first, and the others only when all of these went well.
    """

    parallel: int = 10
    stop_on_errors: int = 0
    canary: int = 0


def act_on_many(actor: Actor, verb: str, *, ids: Iterable[UUID] = (), wanted: GuestFilter | None = None, pace: Pace | None = None) -> Job:
    """Of the guests `ids`, or of all that `wanted` finds. Raises NotFound, NotAllowed, InvalidInput, and Conflict when none can."""
    guests, unknown = _find(actor, list(dict.fromkeys(ids)), wanted)
    return _act_on_many(actor, _tenant_of(actor, guests), verb=verb, guests=guests, unknown=unknown, pace=pace or Pace())


@operation("guest.bulk")
def _act_on_many(actor: Actor, tenant: Tenant | None, *, verb: str, guests: list[Guest], unknown: list[UUID], pace: Pace) -> Job:
    busy = active_jobs_for(guest.pk for guest in guests)
    items = [_item(guest, reason_against(actor, facts_of(guest, busy.get(guest.pk)), verb)) for guest in guests]
    items += [JobItem(target_id=pk, state=ItemState.FAILED, message=NOT_THERE) for pk in unknown]
    possible = [position for position, item in enumerate(items) if item.state == ItemState.PENDING]
    if not possible:
        reasons = list(dict.fromkeys(item.message for item in items))
        raise Conflict(
            f"None of the {len(items)} guests can do that now. {' '.join(reasons[:3])}",
            details={"items": [{"id": str(item.target_id), "name": item.target_name, "message": item.message} for item in items]},
        )
    _refuse_too_many(tenant)
    job = submit(
        actor,
        kind="guest.bulk",
        title=f"{TITLES[verb]} {len(items)} guest{'' if len(items) == 1 else 's'}",
        tenant=tenant,
        args={
            "verb": verb,
            # Who asked, and with what token: rights are looked at again when each guest has its turn.
            "user": str(actor.user_id) if actor.user_id else None,
            "scope": actor.scope,
            "only_tenant": str(actor.only_tenant) if actor.only_tenant else None,
            # For the records of what is done to each guest.
            "address": actor.address,
            "request_id": actor.request_id,
            "token": actor.token,
            "parallel": pace.parallel,
            "stop_on_errors": pace.stop_on_errors,
            "canaries": possible[: pace.canary],
        },
    )
    for position, item in enumerate(items):
        item.job, item.position = job, position
    JobItem.objects.bulk_create(items, batch_size=100)
    return job


def _refuse_too_many(tenant: Tenant | None) -> None:
    """A job over others is no running job of the quota, and each looks after its guests twice a second."""
    if tenant is not None and Job.objects.filter(tenant=tenant, kind="guest.bulk", state__in=ACTIVE_STATES).count() >= MOST_UNDER_WAY:
        raise Conflict(
            f"{MOST_UNDER_WAY} actions for many guests are under way in {tenant.name}.",
            hint="Wait until one is finished, or cancel one on the jobs page.",
        )


def _find(actor: Actor, ids: list[UUID], wanted: GuestFilter | None) -> tuple[list[Guest], list[UUID]]:
    """The guests in the order asked for, and the ids that name none the actor may see."""
    rows = guest_list(actor, wanted).select_related("host", "tenant")
    if wanted is None:
        by_id = rows.in_bulk(ids)
        guests, unknown = [by_id[pk] for pk in ids if pk in by_id], [pk for pk in ids if pk not in by_id]
    else:
        guests, unknown = list(rows[: MOST_GUESTS + 1]), []
    if not guests:
        raise NotFound(NOT_THERE if ids else "No guest matches this filter.")
    if len(guests) > MOST_GUESTS:
        raise InvalidInput(fields={"filter": f"More than {MOST_GUESTS} guests match. Narrow it down."})
    return guests, unknown


def _tenant_of(actor: Actor, guests: list[Guest]) -> Tenant | None:
    """The job's tenant, so that its people see it. One over several tenants is for those who see everything."""
    tenants = {guest.tenant for guest in guests}
    if len(tenants) == 1:
        return tenants.pop()
    if not actor.sees_everything:
        raise InvalidInput(fields={"ids": "Choose guests of one tenant."})
    return None


def _item(guest: Guest, reason: str) -> JobItem:
    state = ItemState.FAILED if reason else ItemState.PENDING
    return JobItem(target_id=guest.pk, target_name=guest.name, state=state, message=reason)
