"""Displays and serial lines, on a guest that really answers: a boot sector that greets and echoes."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hypervisor import broker_client
from hypervisor.errors import HypervisorError
from hypervisor.observed import HostEvent, PowerState
from hypervisor.port import Host
from hypervisor.specs import DiskSpec, GuestSpec, HostAddress, VolumeSpec
from tests.hypervisor.contract.conftest import LIBVIRT_SOCKET, Bench
from tests.hypervisor.contract.test_events import wait_for
from tests.hypervisor.specs_for_tests import ECHO_DISK, ECHO_GREETING, PANIC_DISK


def echo_guest(bench: Bench, *, disk: bytes = ECHO_DISK) -> GuestSpec:
    pool = bench.with_pool()
    volume = bench.host.create_volume(pool, VolumeSpec("echo.raw", len(disk), "raw"))
    bench.host.upload_volume(pool, "echo.raw", io.BytesIO(disk), len(disk), lambda done, total: None)
    spec = bench.spec("echo", disks=(DiskSpec("vda", volume.path, "raw", boot_order=1),))
    bench.host.define_guest(spec)
    return spec


def read_until(line: socket.socket, text: bytes, *, limit_s: float = 20.0) -> bytes:
    line.settimeout(limit_s)
    seen = b""
    while text not in seen:
        data = line.recv(65536)
        assert data, f"the line ended after {seen!r}"
        seen += data
    return seen


def test_the_serial_line_greets_echoes_and_ends_with_the_guest(bench: Bench, host: Host) -> None:
    bench.needs("serial lines")
    spec = echo_guest(bench)
    host.start_guest(spec.uuid)
    line = host.open_serial(spec.uuid, take_over=False)
    with socket.socket(fileno=os.dup(line.fileno())) as terminal:
        read_until(terminal, ECHO_GREETING)
        terminal.sendall(b"are you there?")
        read_until(terminal, b"are you there?")
        host.force_off_guest(spec.uuid)
        terminal.settimeout(5)
        while terminal.recv(65536):
            pass
    line.close()


def test_the_display_speaks_rfb(bench: Bench, host: Host) -> None:
    bench.needs("displays")
    spec = bench.started()
    with socket.socket(fileno=host.open_display(spec.uuid)) as display:
        display.settimeout(5)
        assert display.recv(12) == b"RFB 003.008\n"


def test_the_screen_can_be_pictured(bench: Bench, host: Host) -> None:
    spec = bench.started()
    assert host.screenshot(spec.uuid).startswith(b"\x89PNG\r\n\x1a\n")


def test_a_stopped_guest_has_no_console(bench: Bench, host: Host) -> None:
    spec = bench.defined()
    with pytest.raises(HypervisorError):
        host.open_display(spec.uuid)
    with pytest.raises(HypervisorError):
        host.open_serial(spec.uuid, take_over=True)


ADDRESS = HostAddress("local", LIBVIRT_SOCKET)


@pytest.fixture
def broker(bench: Bench, tmp_path: Path) -> Iterator[str]:
    """The socket of a broker process."""
    bench.needs("broker of its own: see test_broker.py", missing_on=("fake", "test-file", "test-daemon"))
    path = str(tmp_path / "console.sock")
    process = subprocess.Popen([sys.executable, "-m", "hypervisor.libvirt.broker", "--socket", path])
    try:
        wait_until_listening(path)
        yield path
    finally:
        process.terminate()
        assert process.wait(5) == 0
    assert not Path(path).exists()


def test_the_broker_process_hands_out_real_consoles(bench: Bench, host: Host, broker: str) -> None:
    spec = echo_guest(bench)
    host.start_guest(spec.uuid)
    with broker_client.open_display(broker, ADDRESS, spec.uuid) as display:
        assert display.recv(12) == b"RFB 003.008\n"
    with broker_client.open_serial(broker, ADDRESS, spec.uuid) as first:
        # What was written before the first viewer is lost: QEMU drops the output of a terminal that nobody has open.
        first.sendall(b"shared")
        seen = read_until(first, b"shared")
        with broker_client.open_serial(broker, ADDRESS, spec.uuid) as second:
            assert read_until(second, b"shared") == seen
            host.force_off_guest(spec.uuid)
            first.settimeout(5)
            assert first.recv(65536) == b""
    with pytest.raises(broker_client.BrokerError) as caught:
        broker_client.open_display(broker, ADDRESS, spec.uuid)
    assert caught.value.code == "not_running"


def test_who_comes_later_sees_how_a_guest_came_up(bench: Bench, host: Host, broker: str) -> None:
    spec = echo_guest(bench)
    for _ in range(2):  # the second time the broker may not have heard yet that the first life is over
        host.start_guest(spec.uuid)
        broker_client.listen(broker, ADDRESS, spec.uuid)
        time.sleep(6)
        with broker_client.open_serial(broker, ADDRESS, spec.uuid) as viewer:
            read_until(viewer, ECHO_GREETING)
            host.reset_guest(spec.uuid)
            read_until(viewer, ECHO_GREETING)
        host.force_off_guest(spec.uuid)


def test_listening_leaves_the_line_to_an_administrator_who_has_it_or_takes_it(bench: Bench, host: Host, broker: str) -> None:
    spec = echo_guest(bench)
    host.start_guest(spec.uuid)
    virsh = host.open_serial(spec.uuid, take_over=False)
    broker_client.listen(broker, ADDRESS, spec.uuid)
    time.sleep(1)
    with socket.socket(fileno=os.dup(virsh.fileno())) as terminal:
        terminal.sendall(b"still mine")
        read_until(terminal, b"still mine")
    virsh.close()
    assert wait_for(lambda: _listens(broker, host, spec), limit_s=5)
    forced = host.open_serial(spec.uuid, take_over=True)
    time.sleep(0.5)  # the broker hears that it lost the line, and does not want it back
    with socket.socket(fileno=os.dup(forced.fileno())) as terminal:
        terminal.sendall(b"mine again")
        read_until(terminal, b"mine again")
    forced.close()


def _listens(broker: str, host: Host, spec: GuestSpec) -> bool:
    broker_client.listen(broker, ADDRESS, spec.uuid)
    time.sleep(0.3)
    try:
        host.open_serial(spec.uuid, take_over=False).close()
    except HypervisorError:
        return True
    return False


def wait_until_listening(path: str, *, limit_s: float = 10.0) -> None:
    ends_at = time.monotonic() + limit_s
    while not Path(path).exists():
        assert time.monotonic() < ends_at, "the broker did not start"
        time.sleep(0.02)


def test_a_panicked_guest_is_seen_as_crashed_and_starts_again(bench: Bench, host: Host) -> None:
    bench.needs("guest that can panic", missing_on=("fake", "test-file", "test-daemon"))
    spec = echo_guest(bench, disk=PANIC_DISK)
    heard: list[HostEvent] = []
    with host.subscribe(heard.append):
        host.start_guest(spec.uuid)
        assert wait_for(lambda: any(event.power_state is PowerState.CRASHED and event.uuid == spec.uuid for event in heard), limit_s=20)
    state = host.guest_state(spec.uuid)
    assert state is not None
    assert state.power_state is PowerState.CRASHED
    assert host.screenshot(spec.uuid).startswith(b"\x89PNG")  # what it last showed can still be read
    host.force_off_guest(spec.uuid)
    host.start_guest(spec.uuid)


def test_a_guest_may_ignore_a_shutdown(bench: Bench, host: Host) -> None:
    bench.needs("guest that can ignore anything", missing_on=("fake", "test-file", "test-daemon"))
    spec = echo_guest(bench)
    host.start_guest(spec.uuid)
    host.shutdown_guest(spec.uuid)
    time.sleep(1)
    state = host.guest_state(spec.uuid)
    assert state is not None
    assert state.power_state is PowerState.RUNNING
