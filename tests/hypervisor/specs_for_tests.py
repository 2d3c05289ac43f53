"""Specs and a tiny real guest for the hypervisor's tests."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypervisor.specs import (
    Bandwidth,
    CpuSpec,
    DiskLimits,
    DiskSpec,
    GuestSpec,
    NetworkSpec,
    NicSpec,
    NumaCell,
    PciDevice,
    PoolSpec,
    Rate,
    Topology,
    UsbDevice,
    VcpuPin,
    VolumeSpec,
    Watchdog,
)
from hypervisor.systems import advise, catalog, dress

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

BARE = GuestSpec(
    uuid=GUEST_UUID,
    name="bare-11111111",
    title="bare",
    vcpus=2,
    memory_mib=4096,
    acceleration="kvm",
    disks=(DiskSpec("", "/pool/disk.qcow2", "qcow2", boot_order=1), DiskSpec("", "/pool/install.iso", "raw", device="cdrom", boot_order=2)),
    nics=(NicSpec("default", "52:54:00:11:11:11"),),
)


def installed(short_id: str, *, drives: int = 1) -> GuestSpec:
    """A guest as the wizard makes it for an installation of `short_id` from its ISO; more drives are empty or hold drivers."""
    system = catalog().find(short_id)
    assert system is not None, short_id
    more = tuple(DiskSpec("", "", "raw", device="cdrom") for _ in range(drives - 1))
    name = f"{short_id.replace('.', '-')}-11111111"
    bare = replace(BARE, name=name, title=system.name, disks=(*BARE.disks, *more))
    return dress(bare, advise(system, kvm=True), system=system)


EVERYTHING = GuestSpec(
    uuid=GUEST_UUID,
    name="everything-11111111",
    title="everything",
    description="Every choice that there is.",
    vcpus=4,
    vcpus_max=8,
    memory_mib=2048,
    memory_max_mib=4096,
    acceleration="kvm",
    firmware="uefi",
    cpu=CpuSpec("custom", "Skylake-Client", Topology(2, 2, 2), required_features=("pcid",), disabled_features=("hle", "rtm")),
    has_boot_menu=True,
    has_tpm=True,
    has_hyperv=True,
    has_rng=False,
    has_balloon=False,
    has_agent_channel=False,
    has_tablet=False,
    has_serial=False,
    clock="localtime",
    display="loopback",
    video="qxl",
    watchdog=Watchdog("poweroff"),
    iothreads=2,
    numa=(NumaCell("0-3", 2048, host_nodes="0"), NumaCell("4-7", 2048)),
    vcpu_pins=(VcpuPin(0, "0-1"), VcpuPin(1, "2")),
    emulator_cpus="3",
    hugepages_kib=2048,
    disks=(
        DiskSpec("vda", "/pool/a.qcow2", "qcow2", cache="none", io="native", iothread=1, serial="A-1"),
        DiskSpec("sda", "/pool/b.raw", "raw", bus="usb", discard="ignore", cache="writethrough", io="threads"),
        DiskSpec("vdb", "/pool/c.qcow2", "qcow2", limits=DiskLimits(total_bytes_per_s=10_000_000, read_iops=500, write_iops=200)),
        DiskSpec("vdc", "/pool/d.qcow2", "qcow2", limits=DiskLimits(read_bytes_per_s=1_000_000, write_bytes_per_s=2_000_000, total_iops=9)),
        DiskSpec("sdb", "", "raw", bus="sata", device="cdrom"),
    ),
    nics=(
        NicSpec(
            "default",
            "52:54:00:11:11:11",
            is_link_up=False,
            mtu=9000,
            bandwidth=Bandwidth(receive=Rate(1000, 2000, 512), send=Rate(500)),
            filter="clean-traffic",
            filter_addresses=("192.168.122.7", "192.168.122.8"),
            boot_order=3,
        ),
        NicSpec("lab", "52:54:00:22:22:22", model="e1000"),
    ),
    host_devices=(PciDevice(0, 0x65, 0, 1), UsbDevice(0x046D, 0xC52B), UsbDevice(0x0781, 0x5567, bus=1, device=4)),
)

ARM_GUEST = replace(PLAIN_GUEST, name="arm-11111111", machine="virt", firmware="uefi", video="virtio", vcpus=2)
HEADLESS_PXE = replace(
    PLAIN_GUEST,
    name="pxe-11111111",
    title="diskless",
    video="none",
    display="none",
    nics=(NicSpec("default", "52:54:00:11:11:11", boot_order=1),),
)

GUESTS = {
    "plain": PLAIN_GUEST,
    "full": FULL_GUEST,
    "pc": PC_GUEST,
    "everything": EVERYTHING,
    "arm": ARM_GUEST,
    "pxe": HEADLESS_PXE,
    "debian12": installed("debian12"),
    "win11": installed("win11", drives=2),
    "win2k19": installed("win2k19", drives=2),
    "win2k8r2": installed("win2k8r2", drives=2),
    "freebsd14": installed("freebsd14.3"),
    "openbsd7": installed("openbsd7.8"),
    "netbsd9": installed("netbsd9.0"),
}
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
