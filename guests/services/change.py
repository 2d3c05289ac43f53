"""Changing a guest: what is only ours at once, what is in its definition as a job while it is shut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guests.live import touch
from guests.models import Guest, GuestState
from guests.services.checks import (
    MEMORY_MIB,
    VCPUS,
    Problems,
    check_names_free,
    raise_if_any,
    why_not_description,
    why_not_expiry,
    why_not_in_range,
    why_not_name,
    why_not_tags,
)
from jobs.services import submit
from kvmweb.errors import Conflict, InvalidInput
from tenants.actor import Actor
from tenants.gate import operation
from tenants.quota import reserve

OURS = ("name", "description", "tags", "is_protected", "expires_at")
SIZES = ("vcpus", "memory_mib")
ON_HOST = (*SIZES, "autostart")


@operation("guest.change")
def change_guest(actor: Actor, guest: Guest, changes: dict[str, Any]) -> Guest:
    """`changes`: some of OURS and ON_HOST, new values. What stays the same is no change.

    What is ON_HOST becomes a job of kind guest.change, then the guest's active job.
    """
    _check(changes)
    row = Guest.objects.select_for_update().get(pk=guest.pk)
    changes = {field: value for field, value in changes.items() if getattr(row, field) != value}
    if "name" in changes:
        reserve(row.tenant)  # locks the tenant: two guests cannot both take the name
        check_names_free(row.tenant, [changes["name"]])
    _submit(actor, row, {field: changes[field] for field in ON_HOST if field in changes})
    for field in set(OURS) & set(changes):
        setattr(row, field, changes[field])
    row.save(update_fields=[field for field in OURS if field in changes])
    if changes:
        touch(row.pk)
    row.refresh_from_db()
    return row


def _check(changes: dict[str, Any]) -> None:
    problems: Problems = dict.fromkeys(set(changes) - {*OURS, *ON_HOST}, "This cannot be changed.")
    checks: dict[str, Callable[[Any], str]] = {
        "name": why_not_name,
        "description": why_not_description,
        "tags": why_not_tags,
        "expires_at": why_not_expiry,
        "vcpus": lambda value: why_not_in_range(value, VCPUS, ""),
        "memory_mib": lambda value: why_not_in_range(value, MEMORY_MIB, " MiB"),
        "is_protected": _why_not_yes_or_no,
        "autostart": _why_not_yes_or_no,
    }
    raise_if_any(problems | {field: check(changes[field]) for field, check in checks.items() if field in changes})


def _why_not_yes_or_no(value: Any) -> str:
    return "" if isinstance(value, bool) else "Choose true or false."


def _submit(actor: Actor, row: Guest, asked: dict[str, Any]) -> None:
    if not asked:
        return
    if row.is_missing or row.state == GuestState.CREATING:
        raise Conflict(f'Guest "{row.name}" is not on its host just now.', hint="Wait until it is there.")
    if set(asked) & set(SIZES):
        _check_size(row, asked)
    submit(
        actor,
        kind="guest.change",
        title=f"Change guest {row.name}",
        target=row,
        tenant=row.tenant,
        host_id=row.host_id,
        exclusive_key=f"guest:{row.pk}",
        args={"guest_id": str(row.pk), "changes": asked, "before": {field: getattr(row, field) for field in asked}},
    )
    Guest.objects.filter(pk=row.pk).update(**_reserved(row, asked))


def _reserved(row: Guest, asked: dict[str, Any]) -> dict[str, Any]:
    """What the row says while the job runs: it is the reservation. What shrinks is given back at the end, because a job that fails
    gives the guest its old size again; the smaller of two limits could be somebody else's by then."""
    return {field: max(value, getattr(row, field)) if field in SIZES else value for field, value in asked.items()}


def _check_size(row: Guest, asked: dict[str, Any]) -> None:
    if row.state != GuestState.SHUTOFF:
        raise Conflict(
            f'Guest "{row.name}" is {row.get_state_display()}: vCPUs and memory can be changed while it is shut off.',
            hint="Shut it down first.",
            details={"state": row.state},
        )
    if row.host.cpus and asked.get("vcpus", 0) > row.host.cpus:
        raise InvalidInput(fields={"vcpus": f"Its host has {row.host.cpus} CPUs; one guest cannot have more."})
    if row.host.memory_mib and asked.get("memory_mib", 0) > row.host.memory_mib:
        raise InvalidInput(fields={"memory_mib": f"Its host has {row.host.memory_mib} MiB."})
    more = {field: max(0, asked[field] - getattr(row, field)) for field in SIZES if field in asked}
    reserve(row.tenant, **more)
