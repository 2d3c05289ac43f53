"""A guest that does not read its serial line holds up its own line only: neither other calls on the host nor other guests' lines."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import libvirt
import pytest

from hypervisor.libvirt.sessions import LibvirtHost, connect
from hypervisor.specs import HostAddress

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]

DEAD = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os>
<devices><serial type='pty'><target port='0'/></serial><console type='pty'><target type='serial' port='0'/></console></devices></domain>"""


@pytest.fixture
def host() -> Iterator[LibvirtHost]:
    found = connect(HostAddress("local"))
    yield found
    found.close()


@pytest.fixture
def dead_guest(host: LibvirtHost) -> Iterator[UUID]:
    """Nothing to boot from, so nobody ever takes what is typed."""
    domain = host._connection.createXML(DEAD.format(name=f"not-read-{uuid4().hex[:8]}"), 0)
    uuid = UUID(domain.UUIDString())
    yield uuid
    # By a connection of its own: the host's may be what is stuck.
    own = connect(HostAddress("local"))
    own._connection.lookupByUUID(uuid.bytes).destroy()
    own.close()


def test_typing_into_it_waits_and_nothing_else_does(host: LibvirtHost, dead_guest: UUID) -> None:
    ticks: list[float] = []
    timer = libvirt.virEventAddTimeout(50, lambda *_: ticks.append(time.monotonic()), None)
    line = host.open_serial(dead_guest, take_over=True)
    os.set_blocking(line.fileno(), False)
    typed, give_up_at = 0, time.monotonic() + 3
    while time.monotonic() < give_up_at:
        try:
            typed += os.write(line.fileno(), b"y" * 1024)
        except BlockingIOError:
            time.sleep(0.05)
    assert 4096 < typed < 1024 * 1024
    ticks.clear()
    helper = ThreadPoolExecutor(1)
    assert helper.submit(host.guest_state, dead_guest).result(timeout=5) is not None
    time.sleep(0.5)
    assert ticks, "libvirt's event loop stands still, and with it everybody's lines"
    libvirt.virEventRemoveTimeout(timer)
    line.close()
    helper.shutdown()
