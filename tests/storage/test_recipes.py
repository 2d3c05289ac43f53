"""Image recipes: their progress protocol, cancelling, and (with root and QEMU) that the micro guest really boots."""

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from storage.recipes import micro, workshop
from tests.lab.fixtures import lab_host, make_lab_host  # noqa: F401
from tests.lab.hosts import LabHost

PROJECT = Path(__file__).resolve().parent.parent.parent
SLOW_RECIPE = """
from storage.recipes.workshop import exit_with, run, scratch_folder
def build(output, *, cache, report):
    with scratch_folder(cache):
        report("Sleeping", 10)
        run(["sleep", "61.5"])
exit_with(build, description="")
"""
DOMAIN = """
<domain type='qemu'><name>micro</name><memory unit='MiB'>192</memory><os><type machine='q35'>hvm</type></os><features><acpi/></features>
<cpu mode='maximum'/><devices><disk type='file'><driver name='qemu' type='qcow2'/><source file='/var/lib/libvirt/images/micro.qcow2'/>
<target dev='vda' bus='virtio'/></disk><serial type='pty'/></devices></domain>
"""


def test_the_last_line_tells_size_and_hash_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(output: Path, *, cache: Path, report: workshop.Report) -> None:
        report("Half", 50)
        output.write_bytes(b"image")

    monkeypatch.setattr(sys, "argv", ["recipe", "--output", str(tmp_path / "x"), "--cache", str(tmp_path)])
    assert workshop.main(build, description="") == 0
    half, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert half == {"step": "Half", "percent": 50}
    assert (done["step"], done["percent"], done["size_bytes"]) == ("done", 100, 5)
    assert done["sha256"] == hashlib.sha256(b"image").hexdigest()


def test_cancelling_ends_the_child_and_removes_the_scratch_folder(tmp_path: Path) -> None:
    recipe = subprocess.Popen(
        [sys.executable, "-c", SLOW_RECIPE, "--output", tmp_path / "out.qcow2", "--cache", tmp_path / "cache"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert recipe.stdout is not None
    assert json.loads(recipe.stdout.readline()) == {"step": "Sleeping", "percent": 10}
    time.sleep(0.3)
    recipe.send_signal(signal.SIGTERM)
    rest, _ = recipe.communicate(timeout=10)
    assert recipe.returncode == 143
    assert json.loads(rest.splitlines()[-1]) == {"error": "The build was cancelled."}
    assert list((tmp_path / "cache").iterdir()) == []
    assert "sleep 61.5" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_failing_program_is_told_with_its_last_words() -> None:
    with pytest.raises(workshop.RecipeError, match=r"sh failed with status 3:\nno space left"):
        workshop.run(["sh", "-c", "echo no space left; exit 3"])


def test_a_missing_program_names_the_package_to_install() -> None:
    with pytest.raises(workshop.RecipeError, match="apt-get install some-package"):
        workshop.require_programs({"no-such-program": "some-package"})


def test_a_failed_conversion_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(workshop.RecipeError):
        workshop.convert_to_qcow2(tmp_path / "missing.raw", output=tmp_path / "image.qcow2")
    assert list(tmp_path.iterdir()) == []


def test_modules_come_after_what_they_depend_on(tmp_path: Path) -> None:
    for name, depends in {"virtio_blk": "virtio-ring,virtio", "virtio-ring": "", "virtio": "virtio-ring", "unwanted": ""}.items():
        (tmp_path / f"{name}.ko").write_bytes(b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0")
    assert list(micro._modules_in_order(tmp_path)) == ["virtio_ring", "virtio", "virtio_blk"]


def test_cpio_members_are_aligned_to_four_bytes() -> None:
    entry = workshop.cpio_entry("init", mode=0o100755, data=b"12345")
    assert entry[:6] == b"070701"
    assert len(entry) % 4 == 0
    assert entry.endswith(b"12345\0\0\0")


@pytest.mark.real
def test_the_micro_guest_boots_to_a_shell_and_obeys_the_power_button(
    lab_host: LabHost,  # noqa: F811
    tmp_path: Path,
) -> None:
    micro.build(lab_host.pool_folder / "micro.qcow2", cache=tmp_path, report=lambda step, percent: None)
    (tmp_path / "micro.xml").write_text(DOMAIN)
    lab_host.virsh("create", str(tmp_path / "micro.xml"))
    console = etree.fromstring(lab_host.virsh("dumpxml", "micro").encode()).find("devices/console/source")
    assert console is not None
    serial = os.open(console.get("path"), os.O_RDWR | os.O_NOCTTY)
    try:
        read_until(serial, b"kvmweb micro guest ready", timeout_s=60)
        read_until(serial, b"micro:/# ", timeout_s=20)
        os.write(serial, b"expr 6 '*' 7\r")
        read_until(serial, b"\r\n42\r\n", timeout_s=20)
    finally:
        os.close(serial)
    lab_host.virsh("shutdown", "micro")
    eventually(lambda: "micro" not in lab_host.virsh("list", "--name"), timeout_s=30)


def read_until(serial: int, wanted: bytes, *, timeout_s: float) -> None:
    seen, end = b"", time.monotonic() + timeout_s
    while wanted not in seen:
        assert time.monotonic() < end, seen[-2000:]
        if select.select([serial], [], [], 0.2)[0]:
            seen += os.read(serial, 4096)


def eventually(condition: Callable[[], bool], *, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)
