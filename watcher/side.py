"""The slower threads of a host, each with a connection of its own: statistics every 10 s; definitions and addresses.

Full statistics cost about 3 ms per running guest and a guest agent may take 5 s to not answer: neither may delay a change of state.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections

from guests import inventory as guests
from hosts import inventory as hosts
from hypervisor.errors import HostUnreachable, HypervisorError, NotFoundOnHost
from hypervisor.observed import GuestStats, HostLoad, ObservedGuest
from hypervisor.port import Host
from metrics.rates import guest_rates, host_cpu_percent
from networks.inventory import apply_networks
from storage.inventory import apply_pools

if TYPE_CHECKING:
    from watcher.host_watch import HostWatch

logger = logging.getLogger(__name__)

STATS_S = 10.0
DETAILS_S = 3.0
ADDRESSES_S = 30.0
"""How often the addresses of a guest whose address is known are asked for again. Without one: every round."""
DEFINITIONS_S = 600.0
"""How often every definition is read again, because events may have been lost."""
ROUND_LIMIT_S = 2.0
SLOW_AGENT_S = 1.0
SLOW_AGENT_REST_S = 60.0


class SideLoop(threading.Thread):
    """Runs `round` every `period_s` while the host is up. A failure ends the connection, not the thread."""

    period_s = STATS_S
    title = "side"

    def __init__(self, watch: HostWatch) -> None:
        super().__init__(name=f"{self.title} {watch.name}", daemon=True)
        self.watch = watch
        self._kicked = threading.Event()

    def kick(self) -> None:
        self._kicked.set()

    def run(self) -> None:
        while not self.watch.stopping.is_set():
            if not self.watch.is_up.wait(1.0):
                continue
            try:
                self._while_up()
            except HypervisorError as error:
                # The state thread says whether the host is gone; this one only tries again.
                logger.info("Host %s: reading %s stopped: %s", self.watch.name, self.title, error)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("Host %s: the database refused %s (%s).", self.watch.name, self.title, error)
            except Exception:
                logger.exception("Host %s: reading %s failed.", self.watch.name, self.title)
            connections.close_all()
            self.watch.stopping.wait(2.0)

    def _while_up(self) -> None:
        host = self.watch.connect(self.watch.address, timeout_s=10.0)
        try:
            self.begin(host)
            while self.watch.is_up.is_set() and not self.watch.stopping.is_set():
                self._kicked.clear()
                started = time.monotonic()
                self.round(host)
                # A database connection per thread and host, idle most of the time, would exhaust PostgreSQL's.
                connections.close_all()
                self._kicked.wait(max(0.2, self.period_s - (time.monotonic() - started)))
        finally:
            host.close()

    def begin(self, host: Host) -> None:
        """Once per connection."""

    def round(self, host: Host) -> None:
        raise NotImplementedError


class StatsLoop(SideLoop):
    """Counters to rates, the host's load, its facts, pools and networks."""

    title = "statistics"

    def begin(self, host: Host) -> None:
        self._before: dict[UUID, GuestStats] = {}
        self._load: HostLoad | None = None
        self._stats_due = 0.0
        hosts.apply_facts(self.watch.host_id, host.info())

    def round(self, host: Host) -> None:
        # Pools and networks come and go between the list and the reading of each: the next round sees it right.
        with suppress(NotFoundOnHost):
            apply_pools(self.watch.host_id, host.pools())
        with suppress(NotFoundOnHost):
            apply_networks(self.watch.host_id, host.networks())
        if time.monotonic() < self._stats_due:
            return
        self._stats_due = time.monotonic() + STATS_S - 0.5
        load = host.load()
        hosts.apply_load(self.watch.host_id, load, host_cpu_percent(self._load, load))
        hosts.apply_seen(self.watch.host_id)
        self._load = load
        stats = {sample.uuid: sample for sample in host.guest_stats()}
        loads = {}
        for uuid, sample in stats.items():
            rates = guest_rates(self._before.get(uuid), sample)
            loads[uuid] = guests.Load(rates.cpu_percent, rates.memory_used_mib)
        self._before = stats
        guests.apply_stats(self.watch.host_id, loads)


class DetailsLoop(SideLoop):
    """Definitions of guests that events name, all of them now and then, sizes of unmanaged ones, and addresses."""

    period_s = DETAILS_S
    title = "details"

    def __init__(self, watch: HostWatch) -> None:
        super().__init__(watch)
        self._wanted: deque[UUID] = deque()
        self._asked_at: dict[UUID, float] = {}
        self._resting_until: dict[UUID, float] = {}

    def read_definitions(self, uuids: Iterable[UUID]) -> None:
        """From the state thread: cheap, returns at once."""
        uuids = list(uuids)
        if uuids:
            self._wanted.extend(uuids)
            self.kick()

    def begin(self, host: Host) -> None:
        self._all_due = time.monotonic()
        self._backlog: deque[UUID] = deque()
        self._unreadable: set[UUID] = set()

    def round(self, host: Host) -> None:
        self._definitions(host)
        self._sizes(host)
        self._addresses(host)

    def _definitions(self, host: Host) -> None:
        if time.monotonic() >= self._all_due:
            self._all_due = time.monotonic() + DEFINITIONS_S
            self._backlog = deque(guests.known_guests(self.watch.host_id))
        done = set()
        while self._wanted:
            uuid = self._wanted.popleft()
            if uuid not in done:
                done.add(uuid)
                self._definition(host, uuid)
        limit = time.monotonic() + ROUND_LIMIT_S
        while self._backlog and not self._wanted and time.monotonic() < limit:
            self._definition(host, self._backlog.popleft())

    def _definition(self, host: Host, uuid: UUID) -> None:
        known = guests.known_guests(self.watch.host_id, [uuid]).get(uuid)
        if known is not None and (seen := self._read(host, uuid)) is not None:
            guests.apply_definition(known.pk, seen)

    def _sizes(self, host: Host) -> None:
        for uuid in hosts.unmeasured(self.watch.host_id, limit=20 + len(self._unreadable)):
            if uuid not in self._unreadable and (seen := self._read(host, uuid)) is not None:
                hosts.apply_size(self.watch.host_id, seen)

    def _read(self, host: Host, uuid: UUID) -> ObservedGuest | None:
        """One odd definition, which anybody may have made with virsh, must not keep the others from being read."""
        try:
            return host.guest(uuid)
        except HostUnreachable:
            raise
        except Exception:
            self._unreadable.add(uuid)
            logger.exception("Host %s: the definition of domain %s cannot be read.", self.watch.name, uuid)
            return None

    def _addresses(self, host: Host) -> None:
        """Those without an address first, then the ones asked longest ago; a guest whose agent is slow rests for a while."""
        now = time.monotonic()
        running = guests.running_guests(self.watch.host_id)
        self._asked_at = {uuid: at for uuid, at in self._asked_at.items() if uuid in running}
        due = [
            uuid
            for uuid, has_address in running.items()
            if now >= self._resting_until.get(uuid, 0) and (not has_address or now - self._asked_at.get(uuid, 0) >= ADDRESSES_S)
        ]
        for uuid in sorted(due, key=lambda uuid: self._asked_at.get(uuid, 0)):
            if self._wanted or time.monotonic() - now > ROUND_LIMIT_S:
                return
            started = time.monotonic()
            self._asked_at[uuid] = started
            with suppress(HypervisorError):
                guests.apply_addresses(self.watch.host_id, uuid, host.guest_addresses(uuid))
            if time.monotonic() - started > SLOW_AGENT_S:
                self._resting_until[uuid] = time.monotonic() + SLOW_AGENT_REST_S
