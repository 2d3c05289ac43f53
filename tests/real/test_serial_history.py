"""A viewer who comes when a guest is up sees how it came up, without typing anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from hypervisor.broker_client import open_serial
from hypervisor.specs import HostAddress
from tests.real.product import Product

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

READY = b"kvmweb micro guest ready"


@pytest.fixture
def guest(product: Product) -> Iterator[dict[str, Any]]:
    made = product.create_micro("serial-history")
    yield made
    product.delete_guest(made)


def text_of(product: Product, guest: dict[str, Any], *, times: int) -> bytes:
    """What a viewer who comes 10 s from now is shown, until the guest was ready that many times."""
    time.sleep(10)
    seen = b""
    with open_serial(str(product.data_dir / "console.sock"), HostAddress("local"), UUID(guest["uuid"])) as viewer:
        viewer.settimeout(90)
        while seen.count(READY) < times:
            data = viewer.recv(65536)
            assert data, f"the line ended after {seen!r}"
            seen += data
    return seen


def test_the_boot_of_a_new_guest_and_its_next_boot_are_there_for_a_later_viewer(product: Product, guest: dict[str, Any]) -> None:
    text_of(product, guest, times=1)
    _, answer = product.api("POST", f"guests/{guest['id']}/reset/")
    assert product.job_end(answer["job"]["id"])["state"] == "succeeded"
    assert text_of(product, guest, times=2).startswith(text_of(product, guest, times=1)[:200])
