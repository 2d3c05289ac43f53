"""One thread per host: connects, listens, compares what the host says with what we know, and writes the difference.

Statistics, definitions and addresses are read by the threads of `watcher.side`, so that nothing slow ever delays a change of state.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections

from guests import inventory as guests
from hosts import inventory as hosts
from hosts.models import HostState
from hypervisor.errors import HostUnreachable, HypervisorError
from hypervisor.observed import EventKind, GuestState, HostEvent, PowerState
from hypervisor.port import Connector, Host
from hypervisor.specs import HostAddress
from watcher.first_look import look_first
from watcher.side import DetailsLoop, StatsLoop
from watcher.view import CREATING, Differences, HostView, compare

logger = logging.getLogger(__name__)

OPEN_LIMIT_S = 10.0
RECONCILE_S = 60.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 5.0
CONFIRM_S = 2.0
"""A guest that is not listed is looked for once more before it is called missing: a restarted libvirtd answers 0.07 s after its start, but
its list is right only after about 1.7 s (libvirt 9.0); and our own jobs undefine guests they are about to delete."""
JOB_PATIENCE_S = 60.0
MANY = 50
"""From here on one bulk call is cheaper than a call each."""


@dataclass(slots=True)
class Doubt:
    due: float
    since: float


class HostWatch:
    """`start` and `stop` are the supervisor's; everything else runs in the host's thread."""

    def __init__(self, host_id: UUID, name: str, address: HostAddress, connect: Connector) -> None:
        self.host_id, self.name, self.address, self.connect = host_id, name, address, connect
        self.events: queue.SimpleQueue[HostEvent | None] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.is_up = threading.Event()
        self.view: HostView | None = None
        self.doubts: dict[UUID, Doubt] = {}
        self.reconcile_due = 0.0
        self.details = DetailsLoop(self)
        self.stats = StatsLoop(self)
        self.thread = threading.Thread(target=self._run, name=f"watch {name}", daemon=True)

    def start(self) -> None:
        for thread in (self.thread, self.details, self.stats):
            thread.start()

    def stop(self) -> None:
        """Returns at once. A thread inside a call to a frozen host ends when keepalive gives up on it."""
        self.stopping.set()
        self.is_up.clear()
        self.events.put(None)
        self.details.kick()
        self.stats.kick()

    # -- the connection ---------------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self.stopping.is_set():
            started = time.monotonic()
            try:
                self._watch()
            except HypervisorError as error:
                self._lost(str(error))
            except Exception:
                logger.exception("Watching host %s failed.", self.name)
                self._lost("The watcher had an internal error. It tries again; its log says more.")
            if time.monotonic() - started > 30:
                wait_s = FIRST_WAIT_S
            self.stopping.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        connections.close_all()

    def _watch(self) -> None:
        host = self.connect(self.address, timeout_s=OPEN_LIMIT_S)
        try:
            self.events = queue.SimpleQueue()
            # Subscribed before the first look, so that no change falls between the two.
            with host.subscribe(self.events.put):
                self.view = None
                self._while_database_answers(lambda: self._reconcile(host))
                # Up means ready: a guest may be placed here the moment the host shows as up.
                self._while_database_answers(lambda: look_first(self.host_id, host))
                self._while_database_answers(self._found)
                while not self.stopping.is_set():
                    self._turn(host)
        finally:
            self.is_up.clear()
            host.close()

    def _found(self) -> None:
        if hosts.apply_state(self.host_id, HostState.UP):
            guests.publish_guests_of(self.host_id)
        self.is_up.set()
        logger.info("Host %s is up.", self.name)

    def _lost(self, reason: str) -> None:
        self.is_up.clear()
        if self.stopping.is_set():
            return
        try:
            if hosts.apply_state(self.host_id, HostState.UNREACHABLE, reason=reason):
                logger.warning("Host %s is unreachable: %s", self.name, reason)
                guests.publish_guests_of(self.host_id)
        except (DatabaseError, InterfaceError):
            logger.exception("Could not record that host %s is unreachable.", self.name)
            connections.close_all()

    def _while_database_answers(self, work: Callable[[], None]) -> None:
        """Repeat until the database takes it; what we knew may be half written, so it is read again."""
        while not self.stopping.is_set():
            try:
                return work()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("Host %s: the database refused (%s). Trying again.", self.name, error)
                connections.close_all()
                self.view = None
                self.stopping.wait(1.0)

    # -- events -------------------------------------------------------------------------------------------------------------------
    def _turn(self, host: Host) -> None:
        """Wait for events or for what is due, and do it."""
        events = self._next_events()
        if any(event.kind is EventKind.CLOSED for event in events) or not host.is_alive():
            raise HostUnreachable("The connection broke: its libvirt service stopped, or the host went away.")
        try:
            if events:
                self._handle(host, events)
            self._look_again(host)
            if time.monotonic() >= self.reconcile_due:
                self._reconcile(host)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Host %s: the database refused (%s). Reconciling until it takes it.", self.name, error)
            connections.close_all()
            self._while_database_answers(lambda: self._reconcile(host))

    def _next_events(self) -> list[HostEvent]:
        due = min([self.reconcile_due, *(doubt.due for doubt in self.doubts.values())])
        events: list[HostEvent | None] = []
        with suppress(queue.Empty):
            events.append(self.events.get(timeout=max(0.0, min(due - time.monotonic(), 1.0))))
            while True:
                events.append(self.events.get_nowait())
        return [event for event in events if event is not None]

    def _handle(self, host: Host, events: list[HostEvent]) -> None:
        if any(event.kind in (EventKind.POOL, EventKind.NETWORK) for event in events):
            self.stats.kick()
        about_guests = [event for event in events if event.uuid is not None and event.kind not in (EventKind.POOL, EventKind.NETWORK)]
        touched = {event.uuid for event in about_guests if event.uuid is not None}
        if not touched:
            return
        # Last one wins: a reboot is STOPPED and STARTED within a second.
        certain = {event.uuid: event.power_state for event in about_guests if event.uuid and event.power_state is not None}
        self._apply_certain(certain)
        if len(touched) > MANY:
            self._reconcile(host)
        else:
            self._reread(host, touched)
        self.details.read_definitions(touched if len(touched) > MANY else self._redefined(about_guests))

    def _redefined(self, events: Iterable[HostEvent]) -> set[UUID]:
        """Pausing changes nothing in a definition; everything else may."""
        quiet = (PowerState.PAUSED,)
        return {event.uuid for event in events if event.uuid and (event.definition_changed or event.power_state not in quiet)}

    def _apply_certain(self, certain: dict[UUID, PowerState]) -> None:
        """The fast path: the event itself says the state, so it is written and told before anything is asked."""
        owned = self._view().owned
        changed = {
            uuid: state
            for uuid, state in certain.items()
            if uuid in owned and owned[uuid].state not in (state, CREATING) and not owned[uuid].is_missing
        }
        if changed:
            guests.apply_states({owned[uuid].pk: state for uuid, state in changed.items()})
            for uuid, state in changed.items():
                owned[uuid].state = state

    def _reread(self, host: Host, uuids: Iterable[UUID]) -> None:
        """Ask the host about these guests only."""
        states = {uuid: host.guest_state(uuid) for uuid in uuids}
        view = self._view()
        unknown = [uuid for uuid in states if uuid not in view.owned]
        if unknown:
            view.owned |= guests.known_guests(self.host_id, unknown)
        found = compare(view, [state for state in states.values() if state is not None], is_complete=False)
        gone = {uuid for uuid, state in states.items() if state is None}
        found.absent = {uuid for uuid in gone if uuid in view.owned and not view.owned[uuid].is_missing}
        found.left |= gone & view.unmanaged.keys()
        self._apply(found)

    # -- comparing ----------------------------------------------------------------------------------------------------------------
    def _reconcile(self, host: Host) -> None:
        """One bulk call, one cheap query; when nothing differs nothing is written."""
        states = host.guest_states()
        view = self._view()
        revision = guests.revision_of(self.host_id)
        if revision != view.revision:
            # After the bulk call: a row is written before its domain is defined, so every domain of ours has its row by now.
            view.owned, view.revision = guests.known_guests(self.host_id), revision
        self._apply(compare(view, states, is_complete=True))
        self.reconcile_due = time.monotonic() + RECONCILE_S

    def _view(self) -> HostView:
        if self.view is None:
            self.view = HostView(unmanaged=hosts.known_unmanaged(self.host_id), owned=guests.known_guests(self.host_id))
        return self.view

    def _apply(self, found: Differences) -> None:
        view = self._view()
        creating = {
            uuid for uuid, seen in found.changed.items() if view.owned[uuid].state == CREATING and seen.power_state is PowerState.SHUTOFF
        }
        if creating:
            # Its job still works on it: only the end of the job makes it a guest that is off.
            busy = guests.busy_guests([view.owned[uuid].pk for uuid in creating])
            for uuid in creating:
                if view.owned[uuid].pk in busy:
                    del found.changed[uuid]
                    self._doubt(uuid)
        if found.changed:
            guests.apply_states({view.owned[uuid].pk: seen.power_state for uuid, seen in found.changed.items()})
            for uuid, seen in found.changed.items():
                known = view.owned[uuid]
                known.state, known.is_missing = str(seen.power_state), False
            self.details.read_definitions(found.changed)
        for uuid in found.absent:
            self._doubt(uuid)
        self._apply_unmanaged(view, found)

    def _apply_unmanaged(self, view: HostView, found: Differences) -> None:
        if not found.unmanaged and not found.left:
            return
        hosts.apply_unmanaged(self.host_id, found.unmanaged.values(), gone=found.left)
        for uuid in found.left:
            view.unmanaged.pop(uuid, None)
        for uuid, seen in found.unmanaged.items():
            view.unmanaged[uuid] = (seen.name, str(seen.power_state))

    # -- doubts -------------------------------------------------------------------------------------------------------------------
    def _doubt(self, uuid: UUID) -> None:
        now = time.monotonic()
        self.doubts.setdefault(uuid, Doubt(now + CONFIRM_S, now)).due = now + CONFIRM_S

    def _look_again(self, host: Host) -> None:
        now = time.monotonic()
        due = [uuid for uuid, doubt in self.doubts.items() if doubt.due <= now]
        if not due:
            return
        states = self._states_of(host, due)
        view = self._view()
        view.owned |= guests.known_guests(self.host_id, due)
        since = {uuid: self.doubts.pop(uuid).since for uuid in due}
        self._apply(compare(view, states, is_complete=False))
        absent = set(due) - {state.uuid for state in states}
        self._apply_absent({uuid for uuid in absent if uuid in view.owned}, since)

    def _states_of(self, host: Host, uuids: list[UUID]) -> list[GuestState]:
        if len(uuids) > MANY:
            wanted = set(uuids)
            return [state for state in host.guest_states() if state.uuid in wanted]
        return [state for uuid in uuids if (state := host.guest_state(uuid)) is not None]

    def _apply_absent(self, absent: set[UUID], since: dict[UUID, float]) -> None:
        """Missing, unless a job is about to delete it or to bring it back; a job that got stuck does not hide it for ever."""
        owned = self._view().owned
        absent = {uuid for uuid in absent if not owned[uuid].is_missing and owned[uuid].state != CREATING}
        busy = guests.busy_guests([owned[uuid].pk for uuid in absent])
        missing = set()
        for uuid in absent:
            if owned[uuid].pk in busy and time.monotonic() - since[uuid] < JOB_PATIENCE_S:
                self.doubts[uuid] = Doubt(time.monotonic() + CONFIRM_S, since[uuid])
            else:
                missing.add(uuid)
        if missing:
            guests.apply_missing([owned[uuid].pk for uuid in missing])
            for uuid in missing:
                owned[uuid].is_missing = True
