"""The gate reads every image by itself and takes nothing that points elsewhere, is something else, or lies about what it is."""

from __future__ import annotations

import struct
import subprocess

import pytest

from kvmweb.errors import InvalidInput
from storage.image_gate import OTHER_KINDS, ImageFacts, inspect


def patched(path, offset: int, value: bytes):
    content = bytearray(path.read_bytes())
    content[offset : offset + len(value)] = value
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize("options", [(), ("-o", "compat=0.10"), ("-o", "compression_type=zstd"), ("-o", "extended_l2=on")])
def test_plain_qcow2_passes_with_its_virtual_size(options, qemu_img) -> None:
    assert inspect(qemu_img("a.qcow2", "-f", "qcow2", *options)) == ImageFacts("qcow2", 10 * 1024**2)


def test_raw_disk_and_iso_pass(import_file, raw_disk, iso) -> None:
    assert inspect(import_file("a.img", raw_disk)) == ImageFacts("raw", 1024**2)
    assert inspect(import_file("a.iso", iso)) == ImageFacts("iso", len(iso))


def test_installer_iso_with_a_boot_sector_is_what_the_person_says(import_file, iso) -> None:
    hybrid = bytearray(iso + b"\0" * (-len(iso) % 512))
    hybrid[510:512] = b"\x55\xaa"
    path = import_file("a.iso", bytes(hybrid))
    assert inspect(path).format == "iso"
    assert inspect(path, declared="raw").format == "raw"


def test_backing_file_is_refused(qemu_img) -> None:
    qemu_img("base.qcow2", "-f", "qcow2")
    with pytest.raises(InvalidInput, match="stands on a backing file"):
        inspect(qemu_img("a.qcow2", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2"))


def test_backing_file_of_an_old_qcow2_is_refused(qemu_img) -> None:
    with pytest.raises(InvalidInput, match="stands on a backing file"):
        inspect(qemu_img("a.qcow2", "-f", "qcow2", "-o", "compat=0.10,backing_file=/etc/shadow,backing_fmt=raw", "-u"))


def test_external_data_file_is_refused(qemu_img, settings) -> None:
    path = qemu_img("a.qcow2", "-f", "qcow2", "-o", f"data_file={settings.IMPORT_DIR}/data.raw")
    with pytest.raises(InvalidInput, match="keeps its data in another file"):
        inspect(path)


def test_data_file_name_without_its_feature_bit_is_refused(qemu_img) -> None:
    path = qemu_img("a.qcow2", "-f", "qcow2")
    length = struct.unpack_from(">I", path.read_bytes(), 100)[0]
    with pytest.raises(InvalidInput, match="another file"):
        inspect(patched(path, length, struct.pack(">II8s", 0x44415441, 8, b"/etc/pwd")))


def test_unknown_feature_dirty_and_corrupt_are_refused(qemu_img) -> None:
    for bit, reason in ((0, "not closed properly"), (1, "not closed properly"), (17, "not known here")):
        with pytest.raises(InvalidInput, match=reason):
            inspect(patched(qemu_img("a.qcow2", "-f", "qcow2"), 72, struct.pack(">Q", 1 << bit)))


def test_encrypted_is_refused(qemu_img) -> None:
    with pytest.raises(InvalidInput, match="encrypted"):
        inspect(patched(qemu_img("a.qcow2", "-f", "qcow2"), 32, struct.pack(">I", 2)))


def test_internal_snapshots_are_refused(qemu_img) -> None:
    path = qemu_img("a.qcow2", "-f", "qcow2")
    subprocess.run(["qemu-img", "snapshot", "-c", "s1", str(path)], check=True)
    with pytest.raises(InvalidInput, match="internal snapshots"):
        inspect(path)


def test_unbelievable_size_is_refused(qemu_img) -> None:
    for size in (0, 2**63):
        with pytest.raises(InvalidInput, match="not believable"):
            inspect(patched(qemu_img("a.qcow2", "-f", "qcow2"), 24, struct.pack(">Q", size)))


@pytest.mark.parametrize("kind", ["vmdk", "vdi", "vhdx", "vpc", "qed"])
def test_other_disk_formats_are_refused(kind, qemu_img) -> None:
    with pytest.raises(InvalidInput):
        inspect(qemu_img("a.img", "-f", kind))


@pytest.mark.parametrize(("offset", "magic", "name"), OTHER_KINDS)
def test_each_foreign_magic_is_refused_by_name_even_with_a_boot_sector(offset, magic, name, import_file, raw_disk) -> None:
    path = patched(import_file("a.img", raw_disk), offset, magic)
    with pytest.raises(InvalidInput) as refused:
        inspect(path, declared="raw")
    assert name in refused.value.fields["file_name"][0]


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * 70000, b"QFI\xfb", b"QFI\xfb\0\0\0\x03" + b"\xff" * 2000])
def test_what_is_no_image_is_refused(content, import_file) -> None:
    with pytest.raises(InvalidInput):
        inspect(import_file("a.img", content))


def test_cut_raw_disk_is_refused(import_file, raw_disk) -> None:
    with pytest.raises(InvalidInput, match="cut short"):
        inspect(import_file("a.img", raw_disk[:-5]))


def test_declared_format_must_be_the_real_one(qemu_img) -> None:
    with pytest.raises(InvalidInput, match="It is a qcow2 image, not a raw disk"):
        inspect(qemu_img("a.img", "-f", "qcow2"), declared="raw")
