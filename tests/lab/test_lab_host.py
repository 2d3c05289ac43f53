"""The lab itself: a host of its own that can be made sick and well again."""

import subprocess
import time
from collections.abc import Callable

import pytest

from tests.lab.fixtures import lab_host, make_lab_host  # noqa: F401
from tests.lab.hosts import LabHost

pytestmark = pytest.mark.real


def test_a_lab_host_has_its_own_name_and_pool(lab_host: LabHost) -> None:  # noqa: F811
    assert lab_host.virsh("hostname") == "h1"
    assert "default" in lab_host.virsh("pool-list", "--name")


def test_a_frozen_host_does_not_answer_until_thawed(lab_host: LabHost) -> None:  # noqa: F811
    lab_host.freeze()
    assert not lab_host.answers()
    lab_host.thaw()
    assert lab_host.answers()


def test_a_guest_outlives_its_killed_libvirtd(lab_host: LabHost) -> None:  # noqa: F811
    guest = lab_host.folder / "guest.xml"
    guest.write_text("<domain type='qemu'><name>lab-empty</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>")
    lab_host.virsh("create", str(guest))
    domain_id = lab_host.virsh("domid", "lab-empty")
    lab_host.kill()
    assert not lab_host.answers()
    lab_host.start()
    time.sleep(0.5)
    assert lab_host.virsh("domid", "lab-empty") == domain_id
    lab_host.virsh("destroy", "lab-empty")


def test_ending_a_lab_host_leaves_no_process(make_lab_host: Callable[[str], LabHost]) -> None:  # noqa: F811
    host = make_lab_host("h2")
    host.__exit__()
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(host.folder) not in listing
