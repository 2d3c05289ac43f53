"""A worker killed with SIGKILL in the middle of a create: within 60 s the guest is done or undone, with no file and no domain left over.

What is there is read from libvirt and the pool's folder, not from the product.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.real.product import Product

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

WITHIN_S = 60
LOGIN = {"user": "mia", "password": "open sesame"}


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):  # threads and processes end while they are listed
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (task / "children").read_text().split())
    return found


def descendants_of(pid: int) -> list[int]:
    found: list[int] = []
    for child in children_of(pid):
        found += [child, *descendants_of(child)]
    return found


def command_of(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def worker_parents(product: Product) -> list[int]:
    """The pool's parent: the worker process whose own parent is not a worker."""
    workers = [pid for pid in descendants_of(product.process.pid) if "-A kvmweb worker" in command_of(pid)]
    inner = {child for pid in workers for child in children_of(pid)}
    return [pid for pid in workers if pid not in inner]


def kill(product: Product, whole_worker: bool) -> None:
    (parent,) = worker_parents(product)
    victims = [*([parent] if whole_worker else []), *[pid for pid in children_of(parent) if "-A kvmweb worker" in command_of(pid)]]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)


def virsh(*arguments: str) -> str:
    return subprocess.run(["virsh", "-q", "-c", "qemu:///system", *arguments], capture_output=True, text=True, check=True).stdout


def on_the_host(name: str) -> tuple[list[str], list[str]]:
    """(domains, files) whose names begin with the guest's."""
    domains = [line.strip() for line in virsh("list", "--all", "--name").splitlines() if line.startswith(f"{name}-")]
    files = [entry.name for entry in Path("/var/lib/libvirt/images").iterdir() if entry.name.startswith(f"{name}-")]
    return domains, sorted(files)


def create(product: Product, name: str, **fields: Any) -> dict[str, Any]:
    source = {"image": product.micro_image()["id"]}
    body = {"name": name, "source": source, "host": product.local_host(), "vcpus": 1, "memory_mib": 256, "disk_gib": 1, **fields}
    status, answer = product.api("POST", "guests/", body)
    assert status == 202, answer
    return dict(answer)


@pytest.mark.parametrize("whole_worker", [False, True], ids=["child", "whole worker"])
@pytest.mark.parametrize("delay_s", [0.05, 0.2, 0.5])
def test_guest_is_done_or_undone(delay_s: float, whole_worker: bool, product: Product) -> None:
    name = f"kill-{int(delay_s * 100)}-{int(whole_worker)}"
    answer = create(product, name, cloud_init=LOGIN, source={"image": product.micro_image()["id"], "clone": "full"})
    time.sleep(delay_s)
    kill(product, whole_worker)
    job = product.job_end(answer["job"]["id"], timeout_s=WITHIN_S)
    status, guest = product.api("GET", f"guests/{answer['guests'][0]['id']}/")
    domains, files = on_the_host(name)
    if job["state"] == "succeeded":
        assert (status, guest["state"]) == (200, "running")
        assert len(domains) == 1
        assert [file.rsplit("-", 1)[1] for file in files] == ["seed.iso", "vda.qcow2"]
        product.delete_guest(guest)
        domains, files = on_the_host(name)
    else:
        assert job["state"] == "failed", job
        assert status == 404
    assert (domains, files) == ([], [])
