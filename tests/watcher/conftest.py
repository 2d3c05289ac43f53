"""A running watcher on fake hosts, and the means to play an administrator with virsh."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from guests.models import Guest
from hosts.models import Host
from hypervisor import fake
from hypervisor.fake.machine import FakeGuest, FakeMachine
from hypervisor.observed import EventKind, PowerState
from hypervisor.specs import GuestSpec
from hypervisor.xml.guest import build_guest
from hypervisor.xml.safe import to_text
from live import bus
from watcher import host_watch, side
from watcher.supervisor import Supervisor


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(host_watch, "CONFIRM_S", 0.3)
    monkeypatch.setattr(host_watch, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(host_watch, "OPEN_LIMIT_S", 0.3)
    monkeypatch.setattr(side.DetailsLoop, "period_s", 0.2)
    yield
    fake.reset()


@pytest.fixture
def machine(host: Host) -> FakeMachine:
    return fake.machine(host.hypervisor_address)


@pytest.fixture
def watch() -> Iterator[Callable[[], Supervisor]]:
    """`watch()` starts watching every host there is."""
    started: list[Supervisor] = []

    def start() -> Supervisor:
        supervisor = Supervisor()
        started.append(supervisor)
        supervisor.look()
        return supervisor

    yield start
    for supervisor in started:
        for watch in supervisor.watches.values():
            watch.stop()
    for supervisor in started:
        for watch in supervisor.watches.values():
            for thread in (watch.thread, watch.details, watch.stats):
                thread.join(10)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every change sent to the bus."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(bus, "send", sent.extend)
    return sent


def domain(machine: FakeMachine, *, uuid: UUID | None = None, name: str = "", state: str = "shutoff", quietly: bool = False) -> FakeGuest:
    """A domain on the fake host, as if made with virsh. `quietly`: its event was lost."""
    uuid = uuid or uuid4()
    spec = GuestSpec(uuid=uuid, name=name or f"d-{uuid.hex[:8]}", title="", vcpus=2, memory_mib=768, acceleration="qemu")
    guest = FakeGuest(uuid, to_text(build_guest(spec)), PowerState(state))
    machine.guests[uuid] = guest
    if not quietly:
        machine.tell(EventKind.GUEST, guest, definition_changed=True)
    return guest


def eventually(check: Callable[[], Any], *, within_s: float = 5.0) -> Any:
    """The first true answer of `check`; fails with the last one."""
    limit = time.monotonic() + within_s
    while not (answer := check()):
        assert time.monotonic() < limit, f"still {answer!r} after {within_s} s"
        time.sleep(0.01)
    return answer


def state_of(guest: Guest) -> str:
    return str(Guest.objects.values_list("state", flat=True).get(pk=guest.pk))
