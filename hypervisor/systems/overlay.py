"""Systems newer than the osinfo-db of the distributions we run on. An entry is ignored as soon as osinfo-db knows the id itself.

Dates are those of the projects' own release notes. `like` names what it resembles, best first; without osinfo-db `devices` alone count.
"""

from __future__ import annotations

from dataclasses import dataclass

VIRTIO = (
    "http://pcisig.com/pci/1af4/1041",
    "http://pcisig.com/pci/1af4/1042",
    "http://pcisig.com/pci/1af4/1043",
    "http://pcisig.com/pci/1af4/1044",
    "http://pcisig.com/pci/1af4/1045",
    "http://pcisig.com/pci/1af4/1048",
    "http://pcisig.com/pci/1af4/1050",
    "http://qemu.org/chipset/x86/q35",
    "http://usb.org/usb/80ee/0021",
)
"""Network, disk, serial, random numbers, balloon, SCSI and display by virtio; PCI Express; a tablet."""
NO_DISPLAY = tuple(device for device in VIRTIO if not device.endswith("1050"))


@dataclass(frozen=True, slots=True)
class Newer:
    id: str
    short_id: str
    name: str
    family: str
    distro: str
    version: str
    released_on: str
    ends_on: str = ""
    like: tuple[str, ...] = ()
    devices: tuple[str, ...] = VIRTIO
    minimum_memory_mib: int = 1024
    minimum_disk_gib: int = 10
    memory_mib: int = 2048
    vcpus: int = 2
    disk_gib: int = 20


def _linux(site: str, distro: str, version: str, name: str, released_on: str, ends_on: str, like: tuple[str, ...]) -> Newer:
    ids = tuple(f"http://{site}/{distro}/{one}" for one in like)
    return Newer(
        f"http://{site}/{distro}/{version}", f"{distro}{version}", f"{name} {version}", "linux", distro, version, released_on, ends_on, ids
    )


def _bsd(distro: str, version: str, name: str, released_on: str, like: tuple[str, ...]) -> Newer:
    ids = tuple(f"http://{distro}.org/{distro}/{one}" for one in like)
    id, short_id = f"http://{distro}.org/{distro}/{version}", f"{distro}{version}"
    return Newer(
        id, short_id, f"{name} {version}", distro, distro, version, released_on, like=ids, devices=NO_DISPLAY, minimum_memory_mib=512
    )


NEWER: tuple[Newer, ...] = (
    _linux("debian.org", "debian", "12", "Debian", "2023-06-10", "2028-06-30", ("11", "testing")),
    _linux("debian.org", "debian", "13", "Debian", "2025-08-09", "2030-06-30", ("12", "11", "testing")),
    _linux("ubuntu.com", "ubuntu", "24.04", "Ubuntu", "2024-04-25", "2029-05-31", ("22.10", "22.04")),
    _linux("ubuntu.com", "ubuntu", "25.10", "Ubuntu", "2025-10-09", "2026-07-31", ("22.10", "22.04")),
    _linux("fedoraproject.org", "fedora", "42", "Fedora", "2025-04-15", "2026-05-13", ("37", "36")),
    _linux("fedoraproject.org", "fedora", "43", "Fedora", "2025-10-28", "2026-12-02", ("37", "36")),
    _linux("redhat.com", "rhel", "10.0", "Red Hat Enterprise Linux", "2025-05-20", "2035-05-31", ("9.2", "9.1", "9.0")),
    _linux("rockylinux.org", "rocky", "10", "Rocky Linux", "2025-06-11", "2035-05-31", ("9", "8")),
    _linux("almalinux.org", "almalinux", "10", "AlmaLinux", "2025-05-27", "2035-05-31", ("9", "8")),
    _linux("opensuse.org", "opensuse", "16.0", "openSUSE Leap", "2025-10-01", "", ("15.5", "15.4")),
    _bsd("freebsd", "14.3", "FreeBSD", "2025-06-10", ("14.0", "13.1", "13.0")),
    _bsd("freebsd", "15.0", "FreeBSD", "2025-12-02", ("14.0", "13.1", "13.0")),
    _bsd("openbsd", "7.7", "OpenBSD", "2025-04-28", ("7.2", "7.0")),
    _bsd("openbsd", "7.8", "OpenBSD", "2025-10-22", ("7.2", "7.0")),
    _bsd("netbsd", "10.1", "NetBSD", "2024-12-16", ("9.3", "9.0")),
    Newer(
        "http://microsoft.com/win/2k25",
        "win2k25",
        "Microsoft Windows Server 2025",
        "winnt",
        "win",
        "2025",
        "2024-11-01",
        "2034-10-10",
        like=("http://microsoft.com/win/2k22", "http://microsoft.com/win/2k19"),
        devices=("http://usb.org/usb/80ee/0021", "http://qemu.org/chipset/x86/q35", "http://pcisig.com/pci/8086/10d3"),
        minimum_memory_mib=2048,
        minimum_disk_gib=32,
        memory_mib=4096,
        disk_gib=64,
    ),
)
