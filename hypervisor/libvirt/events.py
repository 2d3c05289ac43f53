"""libvirt's events as HostEvents. Callbacks run on the event loop's thread: they build one small value and hand it on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

import libvirt

from hypervisor.libvirt.base import HELPER_PREFIX, Connected
from hypervisor.libvirt.translate import translated
from hypervisor.observed import EventKind, HostEvent, PowerState

OnEvent = Callable[[HostEvent], None]

_CERTAIN_STATES: dict[tuple[int, int | None], PowerState] = {
    (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED): PowerState.RUNNING,
    (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_WAKEUP): PowerState.RUNNING,
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, None): PowerState.PAUSED,
    (libvirt.VIR_DOMAIN_EVENT_RESUMED, None): PowerState.RUNNING,
    (libvirt.VIR_DOMAIN_EVENT_STOPPED, None): PowerState.SHUTOFF,
    (libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED, None): PowerState.SUSPENDED,
    (libvirt.VIR_DOMAIN_EVENT_CRASHED, None): PowerState.CRASHED,
}
"""(event, detail or any) -> the state after it. Not listed: a migrated or restored guest may start paused; SHUTDOWN may be a reboot."""


class EventCalls(Connected):
    """libvirt takes one callback per kind of event and connection ("event callback already tracked"), so subscribers share one set."""

    def __init__(self, connection: Any, *, is_local: bool = False) -> None:
        super().__init__(connection, is_local=is_local)
        self._listeners: list[OnEvent] = []
        self._deregister: list[Callable[[], Any]] = []
        self._listeners_lock = threading.Lock()

    def subscribe(self, on_event: OnEvent) -> AbstractContextManager[None]:
        return self._subscription(on_event)

    @contextmanager
    def _subscription(self, on_event: OnEvent) -> Iterator[None]:
        with self._listeners_lock:
            self._listeners.append(on_event)
            is_first = len(self._listeners) == 1
            try:
                if is_first:
                    self._register()
            except BaseException:
                self._stop_listening(on_event)
                raise
        try:
            yield
        finally:
            with self._listeners_lock:
                self._stop_listening(on_event)

    def _stop_listening(self, on_event: OnEvent) -> None:
        self._listeners.remove(on_event)
        if not self._listeners:
            for deregister in self._deregister:
                with suppress(libvirt.libvirtError):  # a dead connection has forgotten its callbacks
                    deregister()
            self._deregister = []

    def _tell(self, event: HostEvent) -> None:
        if event.name.startswith(HELPER_PREFIX):
            return
        for listener in tuple(self._listeners):
            listener(event)

    @translated
    def _register(self) -> None:
        connection = self._connection
        for event_id, callback in self._guest_callbacks():
            number = connection.domainEventRegisterAny(None, event_id, callback, None)
            self._deregister.append(partial(connection.domainEventDeregisterAny, number))

        def pool(_connection: Any, pool: Any, *_details: Any) -> None:
            self._tell(_event(EventKind.POOL, pool))

        def network(_connection: Any, network: Any, *_details: Any) -> None:
            self._tell(_event(EventKind.NETWORK, network))

        def closed(_connection: Any, _reason: int, _opaque: Any) -> None:
            self._tell(HostEvent(EventKind.CLOSED, time.monotonic()))

        number = connection.storagePoolEventRegisterAny(None, libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, pool, None)
        self._deregister.append(partial(connection.storagePoolEventDeregisterAny, number))
        number = connection.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, network, None)
        self._deregister.append(partial(connection.networkEventDeregisterAny, number))
        with suppress(libvirt.libvirtError):  # a driver without a daemon cannot lose its connection
            connection.registerCloseCallback(closed, None)
            self._deregister.append(connection.unregisterCloseCallback)

    def _guest_callbacks(self) -> list[tuple[int, Callable[..., None]]]:
        def lifecycle(_connection: Any, domain: Any, event: int, detail: int, _opaque: Any) -> None:
            self._tell(_lifecycle_event(domain, event, detail))

        def reread(_connection: Any, domain: Any, *_details: Any) -> None:
            self._tell(_event(EventKind.GUEST, domain))

        def redefined(_connection: Any, domain: Any, *_details: Any) -> None:
            self._tell(_event(EventKind.GUEST, domain, definition_changed=True))

        def agent(_connection: Any, domain: Any, *_details: Any) -> None:
            self._tell(_event(EventKind.AGENT, domain))

        return [
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, reread),
            (libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, agent),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, redefined),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, redefined),
        ]


def _lifecycle_event(domain: Any, event: int, detail: int) -> HostEvent:
    if event == libvirt.VIR_DOMAIN_EVENT_UNDEFINED:
        return _event(EventKind.GUEST_REMOVED, domain)
    state = _CERTAIN_STATES.get((event, detail)) or _CERTAIN_STATES.get((event, None))
    return _event(EventKind.GUEST, domain, definition_changed=event == libvirt.VIR_DOMAIN_EVENT_DEFINED, power_state=state)


def _event(kind: EventKind, thing: Any, *, definition_changed: bool = False, power_state: PowerState | None = None) -> HostEvent:
    """`thing` is a guest, pool or network: their names and uuids are in the event and cost no call."""
    return HostEvent(
        kind=kind,
        at_monotonic_s=time.monotonic(),
        uuid=UUID(bytes=thing.UUID()),
        name=thing.name(),
        definition_changed=definition_changed,
        power_state=power_state,
    )
