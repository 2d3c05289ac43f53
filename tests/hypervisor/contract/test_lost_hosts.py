"""A libvirtd of our own that is frozen and killed: what callers and listeners are told, and when.

It runs as `nobody` (a session daemon), so that it touches nothing of the machine's; its guests are the test driver's.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hypervisor.errors import HostUnreachable
from hypervisor.libvirt.sessions import connect
from hypervisor.observed import EventKind, HostEvent
from hypervisor.specs import HostAddress
from tests.hypervisor.contract.test_events import wait_for

pytestmark = [
    pytest.mark.contract,
    pytest.mark.real,
    pytest.mark.skipif(os.getuid() != 0, reason="a libvirtd of another user needs root"),
    pytest.mark.skipif(not shutil.which("libvirtd"), reason="libvirtd is not installed"),
]


class Daemon:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket_path = str(folder / "libvirt" / "libvirt-sock")
        self.start()

    def start(self) -> None:
        user = pwd.getpwnam("nobody")
        home = {"HOME": str(self._folder), **{f"XDG_{name}_HOME": str(self._folder) for name in ("CONFIG", "CACHE", "DATA")}}
        self.process = subprocess.Popen(
            [shutil.which("libvirtd") or "libvirtd", "--timeout=300"],
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(self._folder), **home},
            stderr=subprocess.DEVNULL,
        )
        assert wait_for(lambda: Path(self.socket_path).exists(), limit_s=20), "the daemon did not start"

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    folder = Path(tempfile.mkdtemp(prefix="kvmweb-lost-", dir="/var/tmp"))
    shutil.chown(folder, "nobody")
    daemon = Daemon(folder)
    yield daemon
    daemon.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_killed_daemon_is_told_at_once_and_found_again(daemon: Daemon) -> None:
    address = HostAddress("test", daemon.socket_path)
    host = connect(address)
    heard: list[HostEvent] = []
    with host.subscribe(heard.append):
        daemon.end()
        assert wait_for(lambda: [event.kind for event in heard] == [EventKind.CLOSED], limit_s=3)
    assert not host.is_alive()
    with pytest.raises(HostUnreachable):
        host.guest_states()
    with pytest.raises(HostUnreachable):
        connect(address, timeout_s=2)
    host.close()
    Path(daemon.socket_path).unlink(missing_ok=True)
    daemon.start()
    again = connect(address, timeout_s=5)
    assert again.guest_states()
    again.close()


def test_a_frozen_daemon_is_given_up_within_25_s_and_holds_up_nobody_else(daemon: Daemon) -> None:
    address = HostAddress("test", daemon.socket_path)
    host = connect(address)
    other = connect(HostAddress("test", daemon.socket_path))
    heard: list[HostEvent] = []
    failed: list[BaseException] = []

    def call() -> None:
        try:
            host.guest_states()
        except HostUnreachable as error:
            failed.append(error)

    with host.subscribe(heard.append):
        daemon.process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        caller = threading.Thread(target=call)
        caller.start()
        with pytest.raises(HostUnreachable):
            connect(address, timeout_s=0.5)
        assert time.monotonic() - started < 1.5
        caller.join(30)
        assert failed
        assert time.monotonic() - started < 25
        assert wait_for(lambda: EventKind.CLOSED in {event.kind for event in heard}, limit_s=3)
    assert not host.is_alive()
    daemon.process.send_signal(signal.SIGCONT)
    back = connect(address, timeout_s=5)
    assert back.guest_states()
    for connection in (host, other, back):
        connection.close()
