"""SIGTERM ends everything but the guests; the second start takes seconds."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.real.product import Product

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def processes_of(data_dir: Path) -> list[str]:
    """Command lines of processes whose environment names the data folder, QEMU and libvirtd aside."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and f"KVMWEB_DATA_DIR={data_dir}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in found if not line.startswith(("/usr/bin/qemu", "virtlogd", "libvirtd", "/usr/sbin/"))]


def test_stop_and_start_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.geteuid() != 0:
        pytest.skip("real guests need root")
    data_dir = tmp_path_factory.mktemp("stop")
    running = Product.start(data_dir)
    try:
        guest = running.create_micro("stays")
        assert running.stop() < 10
        assert processes_of(data_dir) == []
        state = subprocess.run(["virsh", "-c", "qemu:///system", "domstate", guest["uuid"]], capture_output=True, text=True)
        assert state.stdout.strip() == "running"
        started = time.monotonic()
        running = Product.start(data_dir, running.port)
        assert time.monotonic() - started < 20
        assert running.api("GET", f"guests/{guest['id']}/")[1]["state"] == "running"
    finally:
        running.clean_up()
