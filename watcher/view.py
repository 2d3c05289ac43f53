"""What the watcher believes about one host's guests, and how that differs from what the host just said. Pure: no database, no host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from guests.inventory import KnownGuest
from hypervisor.observed import GuestState

CREATING = "creating"


@dataclass(slots=True)
class HostView:
    """By domain uuid: guests with a row, and domains without one as (name, state)."""

    owned: dict[UUID, KnownGuest] = field(default_factory=dict)
    unmanaged: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    revision: tuple[int, int] = (-1, -1)


@dataclass(slots=True)
class Differences:
    changed: dict[UUID, GuestState] = field(default_factory=dict)
    """Guests with a row whose state differs, or that were missing."""
    absent: set[UUID] = field(default_factory=set)
    """Guests with a row that the host did not list, and that we did not know to be missing."""
    unmanaged: dict[UUID, GuestState] = field(default_factory=dict)
    """New or changed domains without a row."""
    left: set[UUID] = field(default_factory=set)
    """Unmanaged domains that went, or that a row owns now."""


def compare(view: HostView, states: Iterable[GuestState], *, is_complete: bool) -> Differences:
    """`is_complete`: `states` is everything the host has, so what is not in it is absent."""
    found = Differences()
    owned, unmanaged = view.owned, view.unmanaged
    listed = expected = 0
    for seen in states:
        uuid = seen.uuid
        known = owned.get(uuid)
        if known is not None:
            if known.state != seen.power_state or known.is_missing:
                found.changed[uuid] = seen
            listed += 1
            continue
        before = unmanaged.get(uuid)
        if before is None:
            found.unmanaged[uuid] = seen
        else:
            listed += 1
            if before[1] != seen.power_state or before[0] != seen.name:
                found.unmanaged[uuid] = seen
    expected = len(owned) + len(unmanaged)
    # When everything known was listed nothing can be absent: no second pass over 10,000 guests.
    if is_complete and listed != expected:
        present = {seen.uuid for seen in states}
        found.absent = {uuid for uuid, known in owned.items() if uuid not in present and not known.is_missing and known.state != CREATING}
        found.left = {uuid for uuid in unmanaged if uuid not in present}
    found.left |= unmanaged.keys() & owned.keys()
    return found
