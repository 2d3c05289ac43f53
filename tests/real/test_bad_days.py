"""Bad days of the whole product on a real host of its own: libvirt frozen and killed, redis killed, two clicks at once, a stop."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.hosts import LabHost
from tests.real.product import Product, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

NETWORK = """<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/><ip address='192.168.122.1' netmask='255.255.255.0'>
<dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp></ip></network>"""


@pytest.fixture(scope="module")
def lab(make_lab_host: Any, product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabHost, str]]:
    """A private libvirt host, registered with the running product: (host, its id)."""
    host: LabHost = make_lab_host("bad")
    definition = tmp_path_factory.mktemp("network") / "default.xml"
    definition.write_text(NETWORK)
    host.virsh("net-define", str(definition))
    host.virsh("net-start", "default")
    status, answer = product.api("POST", "hosts/", {"name": "bad", "kind": "unix", "socket_path": str(host.socket)})
    assert status in (201, 202), answer
    host_id = (answer.get("host") or answer)["id"]
    wait_for("host bad up", lambda: state_of(product, host_id) == "up")
    yield host, host_id
    for guest in product.api("GET", f"guests/?host={host_id}")[1]["results"]:
        product.delete_guest(guest)


def state_of(product: Product, host_id: str) -> str:
    return str(product.api("GET", f"hosts/{host_id}/")[1]["state"])


def guest_state(product: Product, guest: dict[str, Any]) -> str:
    return str(product.api("GET", f"guests/{guest['id']}/")[1]["state"])


def slowest_list_s(product: Product, *, rounds: int = 10) -> float:
    def once() -> float:
        started = time.monotonic()
        assert product.api("GET", "guests/")[0] == 200
        return time.monotonic() - started

    return max(once() for _ in range(rounds))


def test_a_frozen_libvirtd_is_marked_and_slows_nothing_else(product: Product, lab: tuple[LabHost, str]) -> None:
    host, host_id = lab
    mine = product.create_micro("frozen-1", host=host_id)
    host.freeze()
    try:
        status, answer = product.api("POST", f"guests/{mine['id']}/suspend/")
        assert status == 202, answer
        elsewhere = product.create_micro("elsewhere", start=False)
        wait_for("the new guest shut off", lambda: guest_state(product, elsewhere) == "shutoff", timeout_s=5)
        wait_for("host bad unreachable", lambda: state_of(product, host_id) == "unreachable", timeout_s=25)
        assert slowest_list_s(product) < 1
    finally:
        host.thaw()
    wait_for("host bad up again", lambda: state_of(product, host_id) == "up", timeout_s=20)
    wait_for("the guest paused, or running with the job undone", lambda: active_job_of(product, mine) is None, timeout_s=60)
    assert guest_state(product, mine) in ("paused", "running")
    product.delete_guest(elsewhere)
    product.delete_guest(mine)


def active_job_of(product: Product, guest: dict[str, Any]) -> Any:
    return product.api("GET", f"guests/{guest['id']}/")[1]["active_job"]


def test_a_killed_libvirtd_harms_no_guest_and_is_seen_going_and_coming(product: Product, lab: tuple[LabHost, str]) -> None:
    host, host_id = lab
    guest = product.create_micro("survivor", host=host_id)
    host.kill()
    wait_for("host bad unreachable", lambda: state_of(product, host_id) == "unreachable", timeout_s=10)
    assert guest_state(product, guest) == "running", "the last known state stays"
    host.start()
    wait_for("host bad up again", lambda: state_of(product, host_id) == "up", timeout_s=15)
    assert guest_state(product, guest) == "running"
    product.delete_guest(guest)
    assert host.virsh("list", "--all", "--name") == ""


def test_a_job_that_meets_a_dead_libvirtd_waits_for_it(product: Product, lab: tuple[LabHost, str]) -> None:
    host, host_id = lab
    guest = product.create_micro("waiter", host=host_id, start=False)
    host.kill()
    status, answer = product.api("POST", f"guests/{guest['id']}/start/")
    if status == 202:
        time.sleep(5)
        host.start()
        assert product.job_end(answer["job"]["id"])["state"] == "succeeded"
        assert host.virsh("domstate", guest["uuid"]) == "running"
    else:
        host.start()
        assert status in (409, 503), answer
    wait_for("host bad up again", lambda: state_of(product, host_id) == "up", timeout_s=15)
    product.delete_guest(guest)


def test_a_change_made_with_virsh_shows(product: Product, lab: tuple[LabHost, str]) -> None:
    host, host_id = lab
    guest = product.create_micro("outside", host=host_id)
    host.virsh("suspend", guest["uuid"])
    wait_for("paused", lambda: guest_state(product, guest) == "paused", timeout_s=3)
    host.virsh("destroy", guest["uuid"])
    wait_for("shutoff", lambda: guest_state(product, guest) == "shutoff", timeout_s=3)
    host.virsh("undefine", guest["uuid"])
    wait_for("missing", lambda: product.api("GET", f"guests/{guest['id']}/")[1]["is_missing"], timeout_s=5)
    product.delete_guest(guest)
    assert list(host.pool_folder.glob("outside-*")) == []


def test_two_clicks_at_once_are_one_job_and_one_answer_that_says_what_runs(product: Product) -> None:
    guest = product.create_micro("twice")
    first = product.api("POST", f"guests/{guest['id']}/shutdown/")
    second = product.api("POST", f"guests/{guest['id']}/reboot/")
    assert first[0] == 202
    assert second[0] == 409
    assert "twice" in second[1]["error"]["message"]
    assert product.job_end(first[1]["job"]["id"], timeout_s=120)["state"] == "succeeded"
    assert guest_state(product, guest) == "shutoff"
    product.delete_guest(guest)


def test_a_killed_redis_loses_nothing(product: Product) -> None:
    guest = product.create_micro("no-redis", start=False)
    found = subprocess.run(["pgrep", "-f", f"redis-server.*{product.data_dir}/"], capture_output=True, text=True).stdout.split()
    os.kill(int(found[0]), signal.SIGKILL)
    status, answer = product.api("POST", f"guests/{guest['id']}/start/")
    assert status == 202, answer
    assert product.job_end(answer["job"]["id"], timeout_s=60)["state"] == "succeeded"
    wait_for("ready again", product.is_ready, timeout_s=30)
    product.delete_guest(guest)


def test_a_second_start_on_the_same_folder_is_refused_plainly(product: Product) -> None:
    environment = product.environment(product.data_dir, product.port)
    again = subprocess.run(
        [Path(__file__).resolve().parents[2] / "script/server"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    assert again.returncode != 0
    assert b"already runs" in again.stdout + again.stderr
    with urllib.request.urlopen(product.url + "/healthz", timeout=5) as answer:
        assert answer.status == 200
