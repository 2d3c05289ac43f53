"""Debian 12 for the cloud: cloud-init, guest agent, SSH server, grows its root to the disk it is given.

Built from Debian packages with mmdebstrap; takes a few minutes and, for mmdebstrap's root mode, root. The result is a
compressed qcow2 of about 200 MB: `python -m storage.recipes.debian12 --output FILE --cache DIR`.
"""

import os
from pathlib import Path

from storage.recipes.workshop import (
    GRUB_DIR,
    RecipeError,
    Report,
    convert_to_qcow2,
    exit_with,
    require_programs,
    run,
    scratch_folder,
    write_boot_disk,
)

SUITE = "bookworm"
FILESYSTEM_MIB = 2047
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "grub-mkimage": "grub-common",
    str(GRUB_DIR / "boot.img"): "grub-pc-bin",
    "qemu-img": "qemu-utils",
}
PACKAGES = (
    "linux-image-cloud-amd64", "systemd-sysv", "systemd-resolved", "systemd-timesyncd", "udev", "dbus",
    "cloud-init", "cloud-guest-utils", "fdisk", "e2fsprogs", "qemu-guest-agent", "openssh-server", "sudo",
    "netplan.io", "iproute2", "iputils-ping", "ca-certificates", "less", "nano",
)  # fmt: skip
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "gzio", "linux", "boot")
# The links in / follow the newest kernel, so an upgraded guest boots what it installed without GRUB inside it.
GRUB_CONFIG = """\
set root=(hd0,msdos1)
linux /vmlinuz root=LABEL=root ro console=tty0 console=ttyS0,115200
initrd /initrd.img
boot
"""
FSTAB = "LABEL=root / ext4 defaults,errors=remount-ro 0 1\n"
# Without the list cloud-init asks every cloud's metadata address first, which costs minutes where none answers. The package "locales"
# is not installed: left to itself cloud-init fails in update-locale and reports the whole boot as an error.
CLOUD_CONFIG = "datasource_list: [NoCloud, ConfigDrive, None]\nlocale: false\n"
PHASES = {
    "I: downloading packages": ("Downloading packages", 8),
    "I: extracting archives": ("Unpacking the base system", 12),
    "I: installing essential packages": ("Setting up the base system", 16),
    "I: installing remaining packages": ("Installing packages", 22),
}
# Lines "Unpacking x" and "Setting up x" that one build prints, measured; only the progress bar depends on it.
EXPECTED_LINES = 300
INSTALL_PERCENT = (22, 68)


def build(output: Path, *, cache: Path, report: Report) -> None:
    """Write the image to `output`; raises RecipeError with what to do when a program is missing or a step fails."""
    require_programs(PROGRAMS)
    if os.geteuid() != 0:
        raise RecipeError("Building Debian 12 needs root for mmdebstrap. Run the product as root, or build it once with: sudo "
                          "python -m storage.recipes.debian12 --output FILE --cache DIR, and import the file.")  # fmt: skip
    with scratch_folder(cache) as scratch:
        report("Looking up packages", 2)
        tree = scratch / "tree"
        run(["mmdebstrap", "--mode=root", "--variant=minbase", "--verbose", "--aptopt=Acquire::Retries 3",
             f"--include={','.join(PACKAGES)}", SUITE, tree], on_line=_progress(report))  # fmt: skip
        report("Preparing the system for its first boot", 70)
        _prepare(tree)
        report("Writing the file system", 72)
        filesystem = scratch / "filesystem.img"
        run(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-m", "1", "-d", tree, filesystem, f"{FILESYSTEM_MIB}M"])
        raw = scratch / "disk.raw"
        write_boot_disk(raw, filesystem=filesystem, grub_config=GRUB_CONFIG, modules=GRUB_MODULES, scratch=scratch)
        filesystem.unlink()
        report("Compressing the image", 80)
        convert_to_qcow2(raw, output=output)


def _progress(report: Report) -> "_InstallProgress":
    return _InstallProgress(report)


class _InstallProgress:
    """Turns mmdebstrap's verbose output into steps and percent."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.lines = 0
        self.step = ""
        self.percent = 0

    def __call__(self, line: str) -> None:
        for start, (step, percent) in PHASES.items():
            if line.startswith(start):
                self._tell(step, percent)
        if self.step == "Installing packages" and line.startswith(("Unpacking ", "Setting up ")):
            self.lines += 1
            first, last = INSTALL_PERCENT
            self._tell(self.step, min(last, first + (last - first) * self.lines // EXPECTED_LINES))

    def _tell(self, step: str, percent: int) -> None:
        if (step, percent) != (self.step, self.percent):
            self.step, self.percent = step, percent
            self.report(step, percent)


def _prepare(tree: Path) -> None:
    """Names and keys are left for the first boot, so that guests made from one image are not twins."""
    (tree / "etc/fstab").write_text(FSTAB)
    (tree / "etc/cloud/cloud.cfg.d/90_kvmweb.cfg").write_text(CLOUD_CONFIG)
    (tree / "etc/hostname").write_text("debian\n")
    (tree / "etc/machine-id").write_text("")
    (tree / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    resolver = tree / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")


if __name__ == "__main__":
    exit_with(build, description="Build the Debian 12 cloud image.")
