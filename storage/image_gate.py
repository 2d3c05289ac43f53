"""What an image file really is, read from its own bytes: only raw disks, plain qcow2 and ISO 9660 pass, everything else with a reason.

We read the header ourselves, before any tool that would follow what is written in it: a qcow2 can name any file of this server as its
backing file, and "raw" is only a promise of whoever says it. Source: QEMU's docs/interop/qcow2.txt.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from kvmweb.errors import InvalidInput

ImageFormat = Literal["raw", "qcow2", "iso"]

SMALLEST_RAW_BYTES = 64 * 1024
LARGEST_VIRTUAL_BYTES = 64 * 1024**4
ISO_MAGIC_OFFSET = 0x8001

QCOW2_DIRTY, QCOW2_CORRUPT, QCOW2_DATA_FILE, QCOW2_COMPRESSION, QCOW2_EXTENDED_L2 = (1 << bit for bit in range(5))
QCOW2_ACCEPTED = QCOW2_COMPRESSION | QCOW2_EXTENDED_L2
QCOW2_EXTENSION_END, QCOW2_EXTENSION_DATA_FILE = 0, 0x44415441
QCOW2_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
QCOW2_EXTENSION = struct.Struct(">II")

OTHER_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"KDMV", "a VMware disk"),
    (0, b"COWD", "a VMware disk"),
    (0, b"# Disk DescriptorFile", "a VMware descriptor, which names other files"),
    (0, b"vhdxfile", "a Hyper-V disk (VHDX)"),
    (0, b"conectix", "a Hyper-V disk (VHD)"),
    (0, b"<<< ", "a VirtualBox disk"),
    (0x40, b"\x7f\x10\xda\xbe", "a VirtualBox disk"),
    (0, b"QED\0", "a QED image"),
    (0, b"QFI\xfb\0\0\0\x01", "a qcow version 1 image"),
    (0, b"WithoutFreeSpace", "a Parallels disk"),
    (0, b"WithouFreSpacExt", "a Parallels disk"),
    (0, b"Bochs Virtual HD", "a Bochs disk"),
    (0, b"LUKS\xba\xbe", "an encrypted (LUKS) image"),
    (0, b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (0, b"\xfd7zXZ\0", "compressed with xz: unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (0, b"BZh", "compressed with bzip2: unpack it first"),
    (0, b"PK\x03\x04", "a zip archive: unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (257, b"ustar", "a tar archive or OVA: unpack it first"),
)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    format: ImageFormat
    virtual_size_bytes: int


def inspect(path: Path, *, declared: str = "") -> ImageFacts:
    """What the file is. Raises InvalidInput(file_name) when we do not take it, or when it is not what was declared."""
    size = path.stat().st_size
    with path.open("rb") as file:
        facts = _facts(file, size, declared)
    if declared and facts.format != declared:
        raise refused(f"It is {_a(facts.format)}, not {_a(declared)}.")
    if not 0 < facts.virtual_size_bytes <= LARGEST_VIRTUAL_BYTES:
        raise refused("Its virtual size is not believable.")
    return facts


def refused(reason: str) -> InvalidInput:
    return InvalidInput(fields={"file_name": reason}, hint="Raw disk images, qcow2 without a backing file, and ISO images are taken.")


def _facts(file: BinaryIO, size: int, declared: str) -> ImageFacts:
    head = file.read(4096)
    for offset, magic, name in OTHER_KINDS:
        if head[offset : offset + len(magic)] == magic:
            raise refused(f"It is {name}.")
    if head[:4] == b"QFI\xfb":
        return ImageFacts("qcow2", _read_qcow2(head, size))
    file.seek(ISO_MAGIC_OFFSET)
    is_iso = file.read(5) == b"CD001"
    is_disk = len(head) >= 512 and head[510:512] == b"\x55\xaa"
    # Installer ISOs are both, so that they can be written to a USB stick: then the person says which.
    if is_iso and (not is_disk or declared != "raw"):
        return ImageFacts("iso", size)
    if not is_disk or size < SMALLEST_RAW_BYTES:
        raise refused("It is not a disk image: it has neither a qcow2 header nor a boot sector.")
    if size % 512:
        raise refused("It was cut short: a disk is a multiple of 512 bytes.")
    return ImageFacts("raw", size)


def _read_qcow2(head: bytes, size: int) -> int:
    """The virtual size, after refusing everything that points outside the file or that we do not know."""
    if len(head) < QCOW2_HEADER.size:
        raise refused("Its qcow2 header was cut short.")
    fields = QCOW2_HEADER.unpack_from(head)
    version, backing_offset, backing_length, cluster_bits, virtual_size, crypt_method = fields[1:7]
    l1_offset, refcount_offset, snapshots = fields[8], fields[9], fields[11]
    if version not in (2, 3):
        raise refused(f"It is qcow2 version {version}; 2 and 3 are taken.")
    if backing_offset or backing_length:
        raise refused("It stands on a backing file. Flatten it first: qemu-img convert -O qcow2.")
    if crypt_method:
        raise refused("It is encrypted.")
    if snapshots:
        raise refused("It has internal snapshots. Flatten it first: qemu-img convert -O qcow2.")
    if not 9 <= cluster_bits <= 21 or not 0 < l1_offset < size or not 0 < refcount_offset < size:
        raise refused("Its qcow2 header is damaged.")
    if version == 3:
        _check_version_3(head)
    return int(virtual_size)


def _check_version_3(head: bytes) -> None:
    incompatible, header_length = struct.unpack_from(">Q", head, 72)[0], struct.unpack_from(">I", head, 100)[0]
    if incompatible & QCOW2_DATA_FILE:
        raise refused("It keeps its data in another file.")
    if incompatible & (QCOW2_DIRTY | QCOW2_CORRUPT):
        raise refused("It was not closed properly or is damaged. Repair it first: qemu-img check -r all.")
    if incompatible & ~(QCOW2_ACCEPTED | QCOW2_DATA_FILE | QCOW2_DIRTY | QCOW2_CORRUPT):
        raise refused("It uses qcow2 features that are not known here.")
    if not 104 <= header_length <= 4000:
        raise refused("Its qcow2 header is damaged.")
    _check_extensions(head, header_length)


def _check_extensions(head: bytes, offset: int) -> None:
    """The data file's name hides in an extension; more of them than fit in 4 KiB is not a header anybody writes."""
    while offset + QCOW2_EXTENSION.size <= len(head):
        kind, length = QCOW2_EXTENSION.unpack_from(head, offset)
        if kind == QCOW2_EXTENSION_END:
            return
        if kind == QCOW2_EXTENSION_DATA_FILE:
            raise refused("It keeps its data in another file.")
        offset += QCOW2_EXTENSION.size + -(-length // 8) * 8
    raise refused("Its qcow2 header is damaged.")


def _a(format_name: str) -> str:
    return {"raw": "a raw disk", "qcow2": "a qcow2 image", "iso": "an ISO"}.get(format_name, format_name)
