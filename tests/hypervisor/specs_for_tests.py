"""Specs and a tiny real guest for the hypervisor's tests."""

from __future__ import annotations

from uuid import UUID

from hypervisor.specs import DiskSpec, GuestSpec, NetworkSpec, NicSpec, PoolSpec, VolumeSpec

ECHO_GREETING = b"kvmweb echo guest"

# A boot sector that prints the greeting on COM1 and the screen, then echoes what comes in on COM1. It ignores ACPI, so it also stands
# for a guest that does not answer a shutdown. 16-bit, loaded at 0x7c00:
#   cli; ax = ds = ss = 0; sp = 0x7c00; si = message
#   next: lodsb; test al; jz echo; call putc; jmp next
#   echo: wait for bit 0 of 0x3fd; al = in 0x3f8; call putc; jmp echo
#   putc: cl = al; wait for bit 5 of 0x3fd; out 0x3f8, cl; int 0x10 (ah = 0x0e, al = cl, bx = 0); ret
_ECHO_CODE = bytes.fromhex(
    "fa31c08ed88ed0bc007cbe3f7cac84c07405e81300ebf6bafd03eca80174f8baf803ece80200ebef88c1bafd03eca82074f888c8baf803eeb40e31dbcd10c3"
)
ECHO_DISK = (_ECHO_CODE + ECHO_GREETING + b"\r\n\0").ljust(510, b"\0") + b"\x55\xaa" + bytes(1024 * 1024 - 512)
"""A raw disk of 1 MiB that boots in about a second under emulation."""

# cli; al = 1; out 0x505 (pvpanic), al; hlt forever: a guest whose kernel says that it has panicked.
PANIC_DISK = bytes.fromhex("fab001ba0505eef4ebfd").ljust(510, b"\0") + b"\x55\xaa" + bytes(1024 * 1024 - 512)

GUEST_UUID = UUID("11111111-2222-4333-8444-555555555555")

PLAIN_GUEST = GuestSpec(uuid=GUEST_UUID, name="plain-11111111", title="plain", vcpus=1, memory_mib=192, acceleration="qemu")

FULL_GUEST = GuestSpec(
    uuid=GUEST_UUID,
    name="full-11111111",
    title="The full one <&>",
    vcpus=4,
    memory_mib=4096,
    acceleration="kvm",
    machine="q35",
    video="virtio",
    disks=(
        DiskSpec("vda", "/pool/full-vda.qcow2", "qcow2", boot_order=2),
        DiskSpec("sda", "/pool/full-data.raw", "raw", bus="scsi", is_read_only=True),
        DiskSpec("sdb", "/pool/full-seed.iso", "raw", bus="sata", device="cdrom", boot_order=1),
    ),
    nics=(NicSpec("default", "52:54:00:11:11:11"), NicSpec("lab", "52:54:00:22:22:22", model="e1000e")),
)

PC_GUEST = GuestSpec(
    uuid=GUEST_UUID,
    name="pc-11111111",
    title="old machine",
    vcpus=1,
    memory_mib=256,
    acceleration="qemu",
    machine="pc",
    disks=(DiskSpec("hda", "/pool/pc.raw", "raw", bus="ide"), DiskSpec("hdc", "/pool/pc.iso", "raw", bus="ide", device="cdrom")),
    nics=(NicSpec("default", "52:54:00:33:33:33", model="rtl8139"),),
)

GUESTS = {"plain": PLAIN_GUEST, "full": FULL_GUEST, "pc": PC_GUEST}
VOLUMES = {
    "qcow2": VolumeSpec("disk.qcow2", 10 * 1024**3),
    "overlay": VolumeSpec("overlay.qcow2", 20 * 1024**3, backing_path="/pool/base.raw", backing_format="raw"),
    "iso": VolumeSpec("seed.iso", 1024**2, "iso"),
}
POOLS = {"pool": PoolSpec("default", "/var/lib/libvirt/images")}
NETWORKS = {
    "nat": NetworkSpec("default", "virbr0", "192.168.122.1", 24, "192.168.122.2", "192.168.122.254"),
    "isolated": NetworkSpec("closed", "virbr7", "10.7.0.1", 16, "10.7.0.2", "10.7.255.254", forward="isolated"),
}
