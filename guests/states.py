"""Which power verb is possible in which state, and the words for states: pure, no rows and no roles here.

Roles are in `tenants.policy`; both come together in `guests.actions`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from guests.models import GuestState

ACTIVE_STATES = frozenset({GuestState.RUNNING, GuestState.PAUSED, GuestState.SHUTTING_DOWN, GuestState.CRASHED, GuestState.SUSPENDED})
"""States in which a QEMU process holds the guest's memory."""

POSSIBLE_IN: dict[str, frozenset[GuestState]] = {
    "start": frozenset({GuestState.SHUTOFF}),
    "shutdown": frozenset({GuestState.RUNNING}),
    "reboot": frozenset({GuestState.RUNNING}),
    "reset": frozenset({GuestState.RUNNING, GuestState.PAUSED}),
    "force-off": ACTIVE_STATES,
    "suspend": frozenset({GuestState.RUNNING}),
    "resume": frozenset({GuestState.PAUSED, GuestState.SUSPENDED}),
    "console": frozenset({GuestState.RUNNING, GuestState.PAUSED, GuestState.SHUTTING_DOWN, GuestState.CRASHED}),
}
"""Verbs as in URLs."""

DESIRED_AFTER: dict[str, str] = {
    "start": GuestState.RUNNING,
    "shutdown": GuestState.SHUTOFF,
    "reboot": GuestState.RUNNING,
    "reset": GuestState.RUNNING,
    "force-off": GuestState.SHUTOFF,
    "suspend": GuestState.PAUSED,
    "resume": GuestState.RUNNING,
}
"""What the person wants once the verb is done."""

_REASONS: dict[GuestState, str] = {
    GuestState.CREATING: "It is being created. Wait until that is done.",
    GuestState.RUNNING: "It is running.",
    GuestState.PAUSED: "It is paused. Resume it first, or force it off.",
    GuestState.SHUTTING_DOWN: "It is shutting down. Wait, or force it off.",
    GuestState.SHUTOFF: "It is shut off. Start it first.",
    GuestState.CRASHED: "It has crashed. Force it off, then start it.",
    GuestState.SUSPENDED: "It sleeps. Resume it first, or force it off.",
}
_BETTER_REASONS: dict[tuple[str, GuestState], str] = {
    ("start", GuestState.RUNNING): "It is running already.",
    ("start", GuestState.PAUSED): "It is paused. Resume it instead.",
    ("start", GuestState.SUSPENDED): "It sleeps. Resume it instead.",
    ("shutdown", GuestState.SHUTOFF): "It is shut off already.",
    ("force-off", GuestState.SHUTOFF): "It is shut off already.",
    ("suspend", GuestState.PAUSED): "It is paused already.",
    ("resume", GuestState.RUNNING): "It is running already.",
    ("shutdown", GuestState.SHUTTING_DOWN): "It is shutting down already. Wait, or force it off.",
}

MISSING = "Its host does not have it any more. Look on the host, or delete it here."

_UNDER_WAY: dict[str, str] = {
    "guest.create": "creating",
    "guest.start": "starting",
    "guest.shutdown": "shutting down",
    "guest.reboot": "rebooting",
    "guest.reset": "resetting",
    "guest.force_off": "forcing off",
    "guest.suspend": "pausing",
    "guest.resume": "resuming",
    "guest.delete": "deleting",
    "guest.change": "changing",
    "guest.adopt": "adopting",
}

STALE_AFTER = timedelta(seconds=180)
"""Three full reconciles: then nobody is watching the host."""


def why_not_in(verb: str, state: str, *, is_missing: bool = False) -> str:
    """Empty when `verb` is possible; else the sentence for the 409 and for the tooltip of the disabled button."""
    if is_missing:
        return MISSING
    current = GuestState(state)
    if current in POSSIBLE_IN[verb]:
        return ""
    return _BETTER_REASONS.get((verb, current)) or _REASONS[current]


def state_label(state: str, *, is_missing: bool = False, job_kind: str = "", waits_for_host: bool = False) -> str:
    """What a person reads in the state column: what is being done with it, else how it is."""
    if job_kind in _UNDER_WAY:
        return f"{_UNDER_WAY[job_kind]}: waits for its host" if waits_for_host else _UNDER_WAY[job_kind] + "…"
    return "missing" if is_missing else str(GuestState(state).label)


def is_stale(*, host_state: str, seen_at: datetime | None, now: datetime) -> bool:
    """Whether what we show may no longer be true: the host does not answer, or nobody has looked lately."""
    return host_state != "up" or seen_at is None or now - seen_at > STALE_AFTER
