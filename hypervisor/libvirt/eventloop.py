"""libvirt's event loop: registered once per process before the first connect, run by one daemon thread.

Keepalive, events and non-blocking streams need it. It does not survive a fork: the child would share wake-up descriptors and sockets
with its parent and break both, so a child of a process that used libvirt is refused. Connect only after forking.
"""

from __future__ import annotations

import os
import threading

import libvirt

from hypervisor.errors import HypervisorError

_lock = threading.Lock()
_owner_pid: int | None = None


def ensure_running() -> None:
    global _owner_pid
    with _lock:
        if _owner_pid == os.getpid():
            return
        if _owner_pid is not None:
            raise HypervisorError(
                f"Process {os.getpid()} was forked from {_owner_pid}, which had used libvirt already. Open hosts only after the fork."
            )
        # libvirt prints every error to stderr otherwise; ours are raised.
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=_run, name="libvirt-events", daemon=True).start()
        _owner_pid = os.getpid()


def _run() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def _new_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)
