"""The job over many guests: begins their jobs a few at a time, follows them, and says what became of each. It holds no worker meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from django.db import transaction

from guests.models import Guest
from guests.services.power import POWER
from jobs.models import TERMINAL_STATES, ItemState, Job, JobItem, JobState
from jobs.workflow import JobContext, NotYet
from kvmweb.errors import Conflict, KvmwebError, QuotaExceeded
from tenants.actor import Actor, actor_for, system_actor
from tenants.models import User

LOOK_AGAIN_S = 0.5
NAMED = 10


def work(context: JobContext) -> None:
    items = list(JobItem.objects.filter(job_id=context.job_id))
    _settle(items)
    reason = _why_stop(context, items)
    if reason:
        _leave_out(items, reason)
    else:
        _begin_more(context, items)
    over = len(items) - len(_in(items, ItemState.PENDING, ItemState.RUNNING))
    context.progress(over / len(items))
    if over < len(items):
        raise NotYet(LOOK_AGAIN_S)
    _conclude(context, items)


def stop(context: JobContext) -> None:
    """Cancelled: what has not begun is left out, and what runs was cancelled with this job. Its end is waited for."""
    if context.error is not None:
        return  # not cancelled, but over
    items = list(JobItem.objects.filter(job_id=context.job_id))
    _settle(items)
    _leave_out(items, "Cancelled before its turn.")
    if _in(items, ItemState.RUNNING):
        raise NotYet(LOOK_AGAIN_S)


def _in(items: Iterable[JobItem], *states: str) -> list[JobItem]:
    return [item for item in items if item.state in states]


def _settle(items: list[JobItem]) -> None:
    """Take over what became of the guests' own jobs."""
    running = _in(items, ItemState.RUNNING)
    children = Job.objects.only("state", "error").in_bulk([item.child_id for item in running if item.child_id])
    for item in running:
        child = children.get(item.child_id) if item.child_id else None
        if child is None:
            _write(item, ItemState.FAILED, "Its job is gone.")
        elif child.state == JobState.SUCCEEDED:
            _write(item, ItemState.DONE)
        elif child.state in (*TERMINAL_STATES, JobState.NEEDS_ATTENTION):
            _write(item, ItemState.FAILED, (child.error or {}).get("message", "") or f"Its job was {child.get_state_display()}.")


def _why_stop(context: JobContext, items: list[JobItem]) -> str:
    failed = [item for item in _in(items, ItemState.FAILED) if item.child_id]
    limit = context.args["stop_on_errors"]
    if limit and len(failed) >= limit:
        return f"Left out: {len(failed)} before it failed."
    if any(item.position in context.args["canaries"] for item in _in(items, ItemState.FAILED)):
        return "Left out: one of the first failed."
    return ""


def _leave_out(items: list[JobItem], reason: str) -> None:
    for item in _in(items, ItemState.PENDING):
        _write(item, ItemState.SKIPPED, reason)


def _begin_more(context: JobContext, items: list[JobItem]) -> None:
    canaries = [item for item in items if item.position in context.args["canaries"]]
    turn = items if all(item.state == ItemState.DONE for item in canaries) else canaries
    room = context.args["parallel"] - len(_in(items, ItemState.RUNNING))
    waiting = _in(turn, ItemState.PENDING)[: max(room, 0)]
    actor = _actor_of(context) if waiting else None
    for item in waiting:
        context.check()
        if actor is None or not _begin(context, actor, item, others_run=bool(_in(items, ItemState.RUNNING))):
            return


def _begin(context: JobContext, actor: Actor, item: JobItem, *, others_run: bool) -> bool:
    """False when the tenant may not run more jobs just now: its turn comes when one of the others is over."""
    try:
        with transaction.atomic():
            guest = Guest.objects.get_visible(actor, item.target_id)
            child = POWER[context.args["verb"]](actor, guest)
            Job.objects.filter(pk=child.pk, parent__isnull=True).update(parent=context.job_id)
            item.child = child
            _write(item, ItemState.RUNNING)
    except QuotaExceeded as error:
        if others_run and error.details.get("resource") == "running_jobs":
            return False
        _write(item, ItemState.FAILED, error.message)
    except KvmwebError as error:
        item.child = None
        _write(item, ItemState.FAILED, error.message)
    return True


def _write(item: JobItem, state: ItemState, message: str = "") -> None:
    item.state, item.message = state, message[:1000]
    item.save(update_fields=["state", "message", "child"])


def _actor_of(context: JobContext) -> Actor:
    """With the rights of now: who lost a role meanwhile begins nothing more."""
    asked = context.args
    if asked["user"] is None:
        return system_actor("bulk")
    only_tenant = UUID(asked["only_tenant"]) if asked["only_tenant"] else None
    # Jobs from before an update do not know where they were asked for.
    came = {name: asked.get(name, "") for name in ("address", "request_id")}
    actor = actor_for(User.objects.get(pk=asked["user"]), scope=asked["scope"], only_tenant=only_tenant, **came)
    return replace(actor, token=asked.get("token", ""))


def _conclude(context: JobContext, items: list[JobItem]) -> None:
    done = len(_in(items, ItemState.DONE))
    if done == len(items):
        context.finish_with(f"Done with all {done} guests.")
        return
    others = [item.target_name or str(item.target_id) for item in items if item.state != ItemState.DONE]
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    raise Conflict(f"Done with {done} of {len(items)} guests. Not: {', '.join(others[:NAMED])}{more}.", hint="The list says why for each.")
