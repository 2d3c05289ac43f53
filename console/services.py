"""Opening a console and closing somebody's. What happens to the ticket in between is in `admission`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from console import tickets
from console.models import ConsoleKind, ConsoleMode, ConsoleSession
from guests.models import Guest, GuestState
from kvmweb.errors import Conflict, InvalidInput, NotAllowed
from tenants.actor import Actor
from tenants.gate import operation

HAS_SCREEN = frozenset({GuestState.RUNNING, GuestState.PAUSED, GuestState.SHUTTING_DOWN, GuestState.SUSPENDED})
"""States in which the guest's emulator is alive."""


@dataclass(frozen=True, slots=True)
class OpenedConsole:
    """`ticket` travels as the WebSocket subprotocol `ticket.<ticket>`, never in a URL or a log."""

    ticket: str = field(repr=False)
    ws_path: str
    page_url: str
    expires_at: datetime


def open_console(actor: Actor, guest: Guest, *, kind: str, mode: str, login_hash: str) -> OpenedConsole:
    """`login_hash`: `tickets.login_hash_of(request)`. Control needs console.open, watching console.view."""
    _check_choice("kind", kind, ConsoleKind.values)
    _check_choice("mode", mode, ConsoleMode.values)
    gated = _open_for_control if mode == ConsoleMode.CONTROL else _open_for_view
    return gated(actor, guest, kind=kind, login_hash=login_hash)


@operation("console.open")
def _open_for_control(actor: Actor, guest: Guest, *, kind: str, login_hash: str) -> OpenedConsole:
    return _open(actor, guest, kind=kind, mode=ConsoleMode.CONTROL, login_hash=login_hash)


@operation("console.view")
def _open_for_view(actor: Actor, guest: Guest, *, kind: str, login_hash: str) -> OpenedConsole:
    return _open(actor, guest, kind=kind, mode=ConsoleMode.VIEW, login_hash=login_hash)


def _open(actor: Actor, guest: Guest, *, kind: str, mode: str, login_hash: str) -> OpenedConsole:
    if actor.user_id is None:
        raise NotAllowed("Only a person or a token of a person can open a console.")
    refuse_without_line(guest, kind)
    ticket, expires_at = tickets.issue(guest, user_id=actor.user_id, login_hash=login_hash, kind=kind, mode=mode)
    return OpenedConsole(
        ticket=ticket,
        ws_path=f"/ws/console/{kind}/{guest.pk}/",
        page_url=f"/guests/{guest.pk}/console/?kind={kind}",
        expires_at=expires_at,
    )


@operation("console.kick")
def kick(actor: Actor, session: ConsoleSession) -> None:
    """Throw its viewer out, within 2 s. They may open it again if they still have the right: take that away first if they must not."""
    mine = ConsoleSession.objects.filter(pk=session.pk, closed_at__isnull=True)
    mine.update(revoked_at=timezone.now(), is_kicked=True)


def refuse_without_line(guest: Guest, kind: str) -> None:
    """By what the watcher last saw. The relay asks the host itself when the ticket is redeemed."""
    if guest.is_missing:
        raise Conflict(f'Guest "{guest.name}" was not found on its host.', hint="Ask an operator what happened to it.")
    if guest.state not in HAS_SCREEN:
        raise Conflict(f'Guest "{guest.name}" is {guest.get_state_display()}.', hint="Start it, then open its console.", code="not_running")
    if kind == ConsoleKind.VNC and not guest.has_display:
        raise Conflict(f'Guest "{guest.name}" has no screen.', hint="Open its serial line.", code="no_display")
    if kind == ConsoleKind.SERIAL and not guest.has_serial:
        raise Conflict(f'Guest "{guest.name}" has no serial line.', hint="Open its screen.", code="no_display")


def _check_choice(name: str, value: str, allowed: list[str]) -> None:
    if value not in allowed:
        raise InvalidInput(fields={name: f"Choose one of {', '.join(allowed)}."})
