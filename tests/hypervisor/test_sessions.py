"""Opening hosts: what is not there, what hangs, and what a fork may not carry over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hypervisor.errors import HostUnreachable
from hypervisor.libvirt.sessions import connect, uri_for
from hypervisor.specs import HostAddress
from tests.hypervisor.contract.conftest import LIBVIRT_SOCKET


@pytest.fixture
def silent_daemon(tmp_path: Path) -> Iterator[str]:
    """Accepts and never answers, as a stopped libvirtd does."""
    path = str(tmp_path / "silent")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)
        yield path


def test_addresses_become_uris_without_room_for_more_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KVMWEB_LIBVIRT_SOCKET", raising=False)
    assert uri_for(HostAddress("local")) == "qemu:///system"
    assert uri_for(HostAddress("unix", "/a b&command=x")) == "qemu+unix:///system?socket=/a%20b%26command%3Dx"
    assert uri_for(HostAddress("test")) == "test+unix:///default?socket=/run/libvirt/libvirt-sock"
    monkeypatch.setenv("KVMWEB_LIBVIRT_SOCKET", "/other")
    assert uri_for(HostAddress("local")) == "qemu+unix:///system?socket=/other"


def test_a_host_that_is_not_there_is_unreachable_at_once(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(HostUnreachable, match="could not be opened"):
        connect(HostAddress("unix", str(tmp_path / "none")))
    assert time.monotonic() - started < 2


def test_a_host_that_hangs_is_unreachable_in_time_and_costs_one_thread(silent_daemon: str) -> None:
    address = HostAddress("unix", silent_daemon)
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(HostUnreachable, match=r"did not answer within 0\.2 s"):
            connect(address, timeout_s=0.2)
    assert time.monotonic() - started < 2
    waiting = [thread for thread in threading.enumerate() if silent_daemon.rsplit("/", 1)[1] in thread.name]
    assert len(waiting) == 1


def test_a_closed_host_answers_no_more() -> None:
    from hypervisor.libvirt.sessions import connect_uri

    host = connect_uri("test:///default")
    assert host.is_alive()
    host.close()
    assert not host.is_alive()
    with pytest.raises(HostUnreachable):
        host.guest_states()


@pytest.mark.skipif(not Path(LIBVIRT_SOCKET).exists(), reason=f"no libvirtd listens on {LIBVIRT_SOCKET}")
def test_a_child_of_a_process_that_used_libvirt_is_refused_and_harmless() -> None:
    script = f"""
import os
from hypervisor.errors import HypervisorError
from hypervisor.libvirt.sessions import connect
from hypervisor.specs import HostAddress
address = HostAddress("test", {LIBVIRT_SOCKET!r})
host = connect(address)
pid = os.fork()
if pid == 0:
    try:
        connect(address)
    except HypervisorError as error:
        os._exit(0 if "forked" in str(error) else 2)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert host.guest_states()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30, cwd=Path(__file__).parents[2], env=dict(os.environ))
