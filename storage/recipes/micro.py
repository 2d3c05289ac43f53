"""The micro guest: a bootable disk of about 20 MB that reaches a shell in seconds, even under software emulation.

Debian's cloud kernel and an initramfs of busybox, found by GRUB on a small ext4 partition that also keeps what the
guest's user writes to /disk. Text on the screen (tty1) and a shell on the serial line (ttyS0); DHCP; obeys the power
button. Needs no root: `python -m storage.recipes.micro --output FILE --cache DIR`.
"""

import gzip
import re
from pathlib import Path

from storage.recipes.workshop import (
    GRUB_DIR,
    Report,
    convert_to_qcow2,
    cpio_entry,
    dependency_of,
    download_package,
    exit_with,
    require_programs,
    run,
    scratch_folder,
    unpack_package,
    write_boot_disk,
)

FILES = Path(__file__).parent / "files"
FILESYSTEM_MIB = 63
PROGRAMS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "grub-mkimage": "grub-common",
    str(GRUB_DIR / "boot.img"): "grub-pc-bin",
    "qemu-img": "qemu-utils",
}
# Disks, network, memory statistics, the power button, and what reads a cloud-init seed wherever it was plugged in.
MODULES = [
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_balloon",
    "virtio_scsi",
    "sd_mod",
    "sr_mod",
    "isofs",
    "ata_piix",
    "button",
    "evdev",
]
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux", "boot")
GRUB_CONFIG = """\
set root=(hd0,msdos1)
linux /boot/vmlinuz console=tty0 console=ttyS0,115200 loglevel=4 consoleblank=0
initrd /boot/initrd.gz
boot
"""
INITTAB = """\
::sysinit:/etc/rc
ttyS0::respawn:-/bin/sh
tty1::respawn:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/umount -r /disk
"""
PROFILE = "export PATH=/bin:/sbin:/usr/bin:/usr/sbin TERM=linux PS1='\\h:\\w# '\ncd /\n"
POWER_BUTTON = "#!/bin/sh\nexec /sbin/poweroff\n"


def build(output: Path, *, cache: Path, report: Report) -> None:
    """Write the image to `output`; raises RecipeError with what to do when a program or package is missing."""
    require_programs(PROGRAMS)
    with scratch_folder(cache) as scratch:
        report("Downloading Debian's cloud kernel", 5)
        kernel_tree = _unpacked(dependency_of("linux-image-cloud-amd64", prefix="linux-image-"), cache=cache, scratch=scratch)
        report("Downloading busybox", 35)
        busybox_tree = _unpacked("busybox-static", cache=cache, scratch=scratch)
        report("Packing the initial memory disk", 45)
        initrd = _initramfs((busybox_tree / "bin/busybox").read_bytes(), kernel_tree / "lib/modules")
        report("Writing the disk", 60)
        boot = scratch / "tree/boot"
        boot.mkdir(parents=True)
        (boot / "initrd.gz").write_bytes(initrd)
        next((kernel_tree / "boot").glob("vmlinuz-*")).rename(boot / "vmlinuz")
        filesystem = scratch / "filesystem.img"
        run(["mke2fs", "-q", "-t", "ext4", "-L", "micro", "-m", "0", "-O", "^has_journal,^metadata_csum,^64bit",
             "-d", scratch / "tree", filesystem, f"{FILESYSTEM_MIB}M"])  # fmt: skip
        raw = scratch / "disk.raw"
        write_boot_disk(raw, filesystem=filesystem, grub_config=GRUB_CONFIG, modules=GRUB_MODULES, scratch=scratch)
        report("Compressing the image", 80)
        convert_to_qcow2(raw, output=output)


def _unpacked(package: str, *, cache: Path, scratch: Path) -> Path:
    tree = scratch / package
    tree.mkdir()
    unpack_package(download_package(package, cache=cache), into=tree)
    return tree


def _initramfs(busybox: bytes, modules_tree: Path) -> bytes:
    modules = _modules_in_order(modules_tree)
    folders = (
        "bin", "sbin", "usr", "usr/bin", "usr/sbin", "etc", "etc/acpi", "etc/acpi/PWRF", "lib",
        "lib/modules", "proc", "sys", "dev", "root", "tmp",
    )  # fmt: skip
    scripts = {
        "etc/rc": (FILES / "micro-init.sh").read_bytes(),
        "etc/udhcpc.script": (FILES / "micro-udhcpc.sh").read_bytes(),
        "etc/acpi/PWRF/00000080": POWER_BUTTON.encode(),
        "bin/busybox": busybox,
        # PID 1: fill /bin with busybox's names, then hand over to its init, which reads /etc/inittab.
        "init": b"#!/bin/busybox sh\n/bin/busybox --install -s\nexec /sbin/init\n",
    }
    texts = {"etc/inittab": INITTAB, "etc/profile": PROFILE, "etc/modules": "".join(f"{name}\n" for name in modules)}
    entries = [cpio_entry(folder, mode=0o040755) for folder in folders]
    entries.append(cpio_entry("dev/console", mode=0o020600, device=(5, 1)))
    entries += [cpio_entry(name, mode=0o100755, data=data) for name, data in scripts.items()]
    entries += [cpio_entry(name, mode=0o100644, data=text.encode()) for name, text in texts.items()]
    entries += [cpio_entry(f"lib/modules/{name}.ko", mode=0o100644, data=path.read_bytes()) for name, path in modules.items()]
    entries.append(cpio_entry("TRAILER!!!", mode=0))
    return gzip.compress(b"".join(entries), compresslevel=9, mtime=0)


def _modules_in_order(tree: Path) -> dict[str, Path]:
    """Wanted modules and what they depend on, dependencies first; ones built into the kernel are left out.

    The packages carry no modules.dep (depmod makes it at install time), so each module's own .modinfo is read.
    """
    paths = {path.stem.replace("-", "_"): path for path in tree.rglob("*.ko")}
    ordered: dict[str, Path] = {}

    def add(name: str) -> None:
        path = paths.get(name)
        if path is None or name in ordered:
            return
        found = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for dependency in (found.group(1).decode() if found else "").split(","):
            add(dependency.replace("-", "_"))
        ordered[name] = path

    for name in MODULES:
        add(name)
    return ordered


if __name__ == "__main__":
    exit_with(build, description="Build the micro guest image.")
