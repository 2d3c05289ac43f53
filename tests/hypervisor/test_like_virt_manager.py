"""Our definitions beside those of virt-install 4.1 for the same choice: every difference has its reason here, and no reason is idle.

`virt_install/*.xml` is the output of
    virt-install --name x --memory 4096 --vcpus 2 --osinfo NAME --disk /pool/disk.qcow2 --cdrom /pool/install.iso
        --network network=default,mac=52:54:00:11:11:11 --graphics vnc --print-xml 1
on a host with hardware virtualisation. The installers themselves are not at hand.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hypervisor.changes import Change, diff
from hypervisor.specs import DiskSpec
from hypervisor.systems import advise, catalog, dress
from hypervisor.xml.guest import build_guest
from hypervisor.xml.safe import to_text
from tests.hypervisor.specs_for_tests import BARE

FOLDER = Path(__file__).parent / "virt_install"
NAMES = sorted(file.stem for file in FOLDER.glob("*.xml"))

REASONS: dict[str, str] = {
    r"title|name": "virt-install was told another name",
    r"on_(poweroff|crash)": "libvirt's own defaults, spelt out; a crashed guest is kept so that it can be looked at",
    r"on_reboot": "virt-install stops the first start of an installation so that it can change the boot order; ours has it per device",
    r"os/boot.*": "ours is per device: the disk first, and the CD-ROM while the disk holds no system",
    r"devices/disk\[\w+\]/boot@order": "the same",
    r"devices/disk\[\w+\]/driver@type": "the format is always said, never guessed: a guest could write a header that names other files",
    r"devices/disk\[\w+\]/driver@discard": "what the guest frees goes back to the pool",
    r"features/hyperv@mode": "libvirt's own default, spelt out",
    r"features/hyperv/(vpindex|runtime|synic|stimer|frequencies)(@.*)?": "libvirt recommends these too for Windows",
    r"os/firmware/feature\[[\w-]+\]@.*": "Secure Boot with enrolled keys is asked for, not left to the order of the host's firmware files",
    r"features/smm@state": "Secure Boot's variable store needs it; libvirt would add it",
    r"devices/serial.*": "the same serial line that virt-install writes as a console, spelt out",
    r"devices/console.*": "the same",
    r"devices/channel\[org\.qemu\.guest_agent\.0\].*": "the agent's channel is always there, so that an agent installed later just works",
    r"devices/graphics.*": "on a unix socket, never on a port",
    r"devices/audio.*": "no sound, spelt out: libvirt 9.0 would guess a backend for VNC",
    r"devices/video.*/model@(heads|primary)": "libvirt's own defaults, spelt out",
    r"devices/memballoon.*": "libvirt's own default, with statistics, which the memory chart needs",
    r"devices/panic.*": "tells that the guest's kernel has panicked",
    r"devices/tpm/backend@version": "2.0, spelt out: libvirt's default for this model",
}  # fmt: skip


def differences(name: str) -> tuple[Change, ...]:
    system = catalog().find(name)
    assert system is not None
    disks = (
        DiskSpec("", "/pool/disk.qcow2", "qcow2", boot_order=1),
        DiskSpec("", "/pool/install.iso", "raw", device="cdrom", boot_order=2),
    )
    ours = dress(replace(BARE, disks=disks), advise(system, kvm=True), system=system)
    theirs = (FOLDER / f"{name}.xml").read_text().replace("pc-i440fx-7.2", "pc")  # the host's own name for it
    return diff(theirs, to_text(build_guest(ours)))


def reason_for(change: Change) -> str | None:
    return next((pattern for pattern in REASONS if re.fullmatch(pattern, change.key)), None)


@pytest.mark.parametrize("name", NAMES)
def test_every_difference_from_virt_install_has_a_reason(name: str) -> None:
    assert [change for change in differences(name) if reason_for(change) is None] == []


def test_no_reason_is_idle() -> None:
    used = {reason_for(change) for name in NAMES for change in differences(name)}
    assert set(REASONS) - used == set()


def test_what_matters_to_an_installer_is_the_same() -> None:
    """Whatever the reasons above allow: machine, firmware, buses, models and clock are never among the differences."""
    weighty = re.compile(r"os/type@machine|os@firmware|clock.*|.*/target@bus|.*interface.*/model@type|cpu.*|devices/tpm@model")
    assert [(name, change) for name in NAMES for change in differences(name) if weighty.fullmatch(change.key)] == []
