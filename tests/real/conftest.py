"""One running product for all real-guest tests. Skips, saying why, where there is no root or no QEMU."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.lab.fixtures import make_lab_host  # noqa: F401
from tests.real.product import Product


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, make_lab_host: object) -> Iterator[Product]:  # noqa: F811
    """Asks for lab hosts, so that they end after it: what it copied to them can still be deleted."""
    if os.geteuid() != 0:
        pytest.skip("real guests need root")
    if shutil.which("qemu-system-x86_64") is None and shutil.which("apt-get") is None:
        pytest.skip("real guests need QEMU")
    running = Product.start(tmp_path_factory.mktemp("product"))
    try:
        yield running
    finally:
        running.clean_up()
