"""Fixtures around LabHost. Import what you need into a conftest: `from tests.lab.fixtures import lab_host  # noqa: F401`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.hosts import LabHost


def why_no_lab() -> str:
    """Empty where lab hosts can run."""
    if os.geteuid() != 0:
        return "lab hosts need root for their namespaces"
    missing = [
        program for program in ("libvirtd", "virtlogd", "virsh", "unshare", "nsenter", "qemu-system-x86_64") if not shutil.which(program)
    ]
    return f"not installed: {', '.join(missing)}" if missing else ""


@pytest.fixture(scope="session")
def make_lab_host() -> Iterator[Callable[[str], LabHost]]:
    """Start hosts by name; all end, guests included, when the tests do."""
    reason = why_no_lab()
    if reason:
        pytest.skip(reason)
    # Not pytest's tmp_path: its names are too long for unix sockets.
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True))
        yield lambda name: stack.enter_context(LabHost(Path(folder) / name, name=name))


@pytest.fixture(scope="session")
def lab_host(make_lab_host: Callable[[str], LabHost]) -> LabHost:
    return make_lab_host("h1")
