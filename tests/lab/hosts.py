"""A private libvirt host: its own libvirtd in its own mount, network and name spaces, with its own folders and identity.

It can be frozen, killed, restarted and stopped without touching the machine's own libvirt. Needs root and the packages
that script/server installs. Nothing here knows kvmweb.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PRIVATE_FOLDERS = ("/etc/libvirt", "/var/lib/libvirt", "/run/libvirt", "/var/cache/libvirt", "/var/log/libvirt")
# Shared again below slave: libvirt hands bind mounts to the namespaces of its QEMUs by propagation.
SET_UP = """
set -e
root=$1 name=$2
mount --make-rshared /
for folder in {}; do
    mkdir -p "$folder"
    mount --bind "$root$folder" "$folder"
done
if [ -e /dev/kvm ] && ! grep -qwE 'vmx|svm' /proc/cpuinfo; then mount --bind "$root/no-kvm" /dev/kvm; fi
hostname "$name"
ip link set lo up
exec sleep infinity
""".format(" ".join(PRIVATE_FOLDERS))


class LabHost:
    """Use as a context manager. `folder` must be short: it holds unix sockets (107 bytes at most)."""

    def __init__(self, folder: Path, *, name: str) -> None:
        self.folder = folder
        self.name = name
        self.host_uuid = str(uuid.uuid4())
        self._anchor: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "run/libvirt/libvirt-sock"

    @property
    def uri(self) -> str:
        return f"qemu+unix:///system?socket={self.socket}"

    @property
    def test_uri(self) -> str:
        """libvirt's test driver, served by this host's daemon: many guests, none of them real."""
        return f"test+unix:///default?socket={self.socket}"

    @property
    def pool_folder(self) -> Path:
        """What the host sees as /var/lib/libvirt/images."""
        return self.folder / "var/lib/libvirt/images"

    def __enter__(self) -> LabHost:
        try:
            self._make_folders()
            self._anchor = subprocess.Popen(
                ["unshare", "--mount", "--uts", "--net", "--propagation", "slave", "sh", "-c", SET_UP, "lab", str(self.folder), self.name],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._wait_until_set_up()
            self.start()
            self._virsh("pool-define-as", "default", "dir", "--target", "/var/lib/libvirt/images")
            self._virsh("pool-start", "default")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """End everything in the host, guests included: whatever runs in its network namespace is ours."""
        if self._anchor is None:
            return
        for _ in range(3):
            for pid in self._inhabitants():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self._anchor.kill()
        self._anchor.wait()
        self._anchor = None

    def start(self) -> None:
        """Start virtlogd and libvirtd; returns when libvirt answers."""
        for daemon in ("virtlogd", "libvirtd"):
            if self._pid(daemon) is None:
                self._inside(daemon, "-d", "-p", f"/run/libvirt/{daemon}.pid")
        end = time.monotonic() + 20
        while not self.answers():
            if time.monotonic() > end:
                raise TimeoutError(f"libvirtd of lab host {self.name} does not answer; see {self.folder}/var/log/libvirt")
            time.sleep(0.1)

    def stop(self) -> None:
        self._signal_libvirtd(signal.SIGTERM)
        self._wait_for_end()

    def kill(self) -> None:
        """SIGKILL libvirtd; guests go on."""
        self._signal_libvirtd(signal.SIGKILL)
        self._wait_for_end()

    def freeze(self) -> None:
        self._signal_libvirtd(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_libvirtd(signal.SIGCONT)

    def answers(self) -> bool:
        command = ["virsh", "-q", "-c", self.uri, "uri"]
        try:
            return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=5).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def virsh(self, *arguments: str) -> str:
        return self._virsh(*arguments)

    def _virsh(self, *arguments: str) -> str:
        result = subprocess.run(
            ["virsh", "-q", "-c", self.uri, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        if result.returncode != 0:
            raise RuntimeError(f"virsh {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout.strip()

    def _make_folders(self) -> None:
        for path in PRIVATE_FOLDERS:
            (self.folder / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        shutil.copytree("/etc/libvirt", self.folder / "etc/libvirt", dirs_exist_ok=True)
        for path in ("etc/libvirt/qemu", "etc/libvirt/storage"):
            shutil.rmtree(self.folder / path, ignore_errors=True)
        # Without an own identity libvirt refuses a migration between lab hosts as one "to itself".
        with (self.folder / "etc/libvirt/libvirtd.conf").open("a") as settings:
            settings.write(f'\nhost_uuid = "{self.host_uuid}"\n')
        self.pool_folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "no-kvm").touch(mode=0o000)
        # QEMU runs as its own user and must reach its disks below our temporary folder.
        for parent in [self.folder, *self.folder.parents]:
            with suppress(PermissionError):
                parent.chmod(parent.stat().st_mode | 0o111)

    def _wait_until_set_up(self) -> None:
        assert self._anchor is not None
        end = time.monotonic() + 10
        while Path(f"/proc/{self._anchor.pid}/comm").read_text().strip() != "sleep":
            if self._anchor.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the namespaces of lab host {self.name} could not be set up")
            time.sleep(0.02)

    def _inside(self, *command: str) -> None:
        assert self._anchor is not None
        subprocess.run(
            ["nsenter", "-t", str(self._anchor.pid), "--mount", "--uts", "--net", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, check=True, timeout=20,
        )  # fmt: skip

    def _pid(self, daemon: str) -> int | None:
        try:
            pid = int((self.folder / f"run/libvirt/{daemon}.pid").read_text())
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except (OSError, ValueError):
            return None
        return pid if name == daemon else None

    def _signal_libvirtd(self, number: signal.Signals) -> None:
        pid = self._pid("libvirtd")
        if pid is not None:
            os.kill(pid, number)

    def _wait_for_end(self) -> None:
        end = time.monotonic() + 15
        while self._pid("libvirtd") is not None:
            if time.monotonic() > end:
                raise TimeoutError(f"libvirtd of lab host {self.name} did not end")
            time.sleep(0.05)

    def _inhabitants(self) -> Iterator[int]:
        assert self._anchor is not None
        try:
            ours = os.readlink(f"/proc/{self._anchor.pid}/ns/net")
        except OSError:
            return
        if ours == os.readlink("/proc/self/ns/net"):
            return  # the set-up failed before it got a namespace of its own
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != self._anchor.pid:
                with suppress(OSError):
                    if os.readlink(entry / "ns/net") == ours:
                        yield int(entry.name)
