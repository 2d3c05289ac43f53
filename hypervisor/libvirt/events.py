"""libvirt's events as HostEvents. Callbacks run on the event loop's thread: they build one small value and hand it on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any
from uuid import UUID

import libvirt

from hypervisor.libvirt.base import Connected
from hypervisor.libvirt.translate import translating
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
    def subscribe(self, on_event: OnEvent) -> AbstractContextManager[None]:
        return self._subscription(on_event)

    @contextmanager
    def _subscription(self, on_event: OnEvent) -> Iterator[None]:
        undo: list[Callable[[], Any]] = []
        try:
            with translating():
                self._register_guests(on_event, undo)
                self._register_others(on_event, undo)
            yield
        finally:
            for deregister in undo:
                with suppress(libvirt.libvirtError):  # a dead connection has forgotten its callbacks
                    deregister()

    def _register_guests(self, on_event: OnEvent, undo: list[Callable[[], Any]]) -> None:
        def lifecycle(_connection: Any, domain: Any, event: int, detail: int, _opaque: Any) -> None:
            on_event(_lifecycle_event(domain, event, detail))

        def reread(_connection: Any, domain: Any, *_details: Any) -> None:
            on_event(_event(EventKind.GUEST, domain))

        def redefined(_connection: Any, domain: Any, *_details: Any) -> None:
            on_event(_event(EventKind.GUEST, domain, definition_changed=True))

        def agent(_connection: Any, domain: Any, *_details: Any) -> None:
            on_event(_event(EventKind.AGENT, domain))

        callbacks: list[tuple[int, Callable[..., None]]] = [
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, reread),
            (libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, agent),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, redefined),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, redefined),
        ]
        for event_id, callback in callbacks:
            number = self._connection.domainEventRegisterAny(None, event_id, callback, None)
            undo.append(lambda number=number: self._connection.domainEventDeregisterAny(number))  # type: ignore[misc]

    def _register_others(self, on_event: OnEvent, undo: list[Callable[[], Any]]) -> None:
        connection = self._connection

        def pool(_connection: Any, pool: Any, *_details: Any) -> None:
            on_event(_event(EventKind.POOL, pool))

        def network(_connection: Any, network: Any, *_details: Any) -> None:
            on_event(_event(EventKind.NETWORK, network))

        def closed(_connection: Any, _reason: int, _opaque: Any) -> None:
            on_event(HostEvent(EventKind.CLOSED, time.monotonic()))

        number = connection.storagePoolEventRegisterAny(None, libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, pool, None)
        undo.append(lambda: connection.storagePoolEventDeregisterAny(number))
        other = connection.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, network, None)
        undo.append(lambda: connection.networkEventDeregisterAny(other))
        with suppress(libvirt.libvirtError):  # a driver without a daemon cannot lose its connection
            connection.registerCloseCallback(closed, None)
            undo.append(connection.unregisterCloseCallback)


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
