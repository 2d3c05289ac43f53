"""Decides which hosts are watched: reads the Host rows every 2 s, starts and stops a HostWatch for each, and beats for /readyz."""

from __future__ import annotations

import logging
import threading
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.utils.module_loading import import_string

from hosts import inventory as hosts
from hosts.models import Host, HostState
from hypervisor.specs import HostAddress
from kvmweb import heartbeat
from watcher.host_watch import HostWatch

logger = logging.getLogger(__name__)

LOOK_S = 2.0


class Supervisor:
    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.watches: dict[UUID, HostWatch] = {}

    def run(self) -> None:
        """Until `stopping` is set. A database that is away is waited for."""
        while not self.stopping.is_set():
            try:
                self.look()
                # Here, not from a thread of its own: a supervisor that is stuck must not look alive.
                heartbeat.beat("watcher")
            except (DatabaseError, InterfaceError) as error:
                logger.warning("The database does not answer: %s", error)
                connections.close_all()
            except Exception:
                logger.exception("Could not look at the hosts.")
            self.stopping.wait(LOOK_S)
        for watch in self.watches.values():
            watch.stop()

    def look(self) -> None:
        """Once: start what is new, stop what is disabled, removed or at another address now."""
        rows = {row.pk: row for row in Host.objects.all()}
        for host_id, watch in list(self.watches.items()):
            row = rows.get(host_id)
            if row is None or not row.is_enabled or row.hypervisor_address != watch.address:
                watch.stop()
                del self.watches[host_id]
        for row in rows.values():
            if row.is_enabled and row.pk not in self.watches:
                self._start(row.pk, row.name, row.hypervisor_address)
            elif not row.is_enabled and row.state != HostState.DISABLED:
                hosts.apply_state(row.pk, HostState.DISABLED, reason="An operator disabled it.")

    def _start(self, host_id: UUID, name: str, address: HostAddress) -> None:
        watch = HostWatch(host_id, name, address, import_string(settings.HYPERVISOR_CONNECTOR))
        self.watches[host_id] = watch
        watch.start()
