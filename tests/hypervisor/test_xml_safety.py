"""What must never reach a host: foreign elements, files outside the pools, routable displays, entities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from hypervisor.errors import Refused
from hypervisor.xml.allowlist import check_guest
from hypervisor.xml.guest import build_guest, digest_of, parse_guest
from hypervisor.xml.safe import parse_xml, to_text
from tests.hypervisor.specs_for_tests import FULL_GUEST

Edit = Callable[[etree._Element], None]


def add(path: str, text: str) -> Edit:
    def edit(root: etree._Element) -> None:
        parent = root if path == "." else root.find(path)
        assert parent is not None
        parent.append(etree.fromstring(text))

    return edit


def put(path: str, name: str, value: str) -> Edit:
    def edit(root: etree._Element) -> None:
        found = root.find(path)
        assert found is not None
        found.set(name, value)

    return edit


QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"

DANGEROUS: dict[str, tuple[Edit, str]] = {
    "a QEMU command line": (add(".", f'<q:commandline xmlns:q="{QEMU}"><q:arg value="-S"/></q:commandline>'), "commandline"),
    "an exported folder": (add("devices", '<filesystem><source dir="/"/><target dir="x"/></filesystem>'), "filesystem"),
    "a host device": (add("devices", '<hostdev mode="subsystem" type="pci"/>'), "hostdev"),
    "no confinement": (add(".", '<seclabel type="none"/>'), "seclabel"),
    "a foreign emulator": (add("devices", "<emulator>/tmp/evil</emulator>"), "/tmp/evil"),
    "a foreign loader": (add("os", "<loader>/tmp/evil.fd</loader>"), "/tmp/evil.fd"),
    "a direct kernel": (add("os", "<kernel>/etc/shadow</kernel>"), "kernel"),
    "a display on the network": (put("devices/graphics/listen", "type", "address"), "address"),
    "a display on a port": (put("devices/graphics", "port", "5900"), "port"),
    "a display without a socket": (add("devices", '<graphics type="vnc"/>'), "without a socket"),
    "spice": (put("devices/graphics", "type", "spice"), "spice"),
    "a disk outside the pools": (put("devices/disk/source", "file", "/etc/shadow"), "/etc/shadow"),
    "a disk by climbing out": (put("devices/disk/source", "file", "/pool/../etc/shadow"), "/pool/../etc/shadow"),
    "a disk below a pool's folder": (put("devices/disk/source", "file", "/pool/sub/x"), "/pool/sub/x"),
    "a block device": (put("devices/disk", "type", "block"), "block"),
    "a network disk": (put("devices/disk", "type", "network"), "network"),
    "a guessed disk format": (put("devices/disk/driver", "type", "vmdk"), "vmdk"),
    "a bridge of the host": (put("devices/interface", "type", "bridge"), "bridge"),
    "a serial line to a file": (put("devices/serial", "type", "file"), "file"),
    "a serial log": (add("devices/serial", '<log file="/etc/passwd"/>'), "log"),
    "a channel to a path": (put("devices/channel/source", "path", "/run/x"), "path"),
    "randomness from a file": (put("devices/rng/backend", "model", "egd"), "egd"),
    "a shared memory device": (add("devices", '<shmem name="x"/>'), "shmem"),
    "an unknown attribute": (put(".", "id", "7"), "id"),
}


@pytest.mark.parametrize("what", DANGEROUS)
def test_the_allow_list_refuses(what: str) -> None:
    edit, named = DANGEROUS[what]
    root = build_guest(FULL_GUEST)
    check_guest(root, pool_paths=["/pool"])
    edit(root)
    with pytest.raises(Refused, match=named.replace("/", ".")):
        check_guest(parse_xml(to_text(root)), pool_paths=["/pool"])


def test_a_refusal_names_every_problem() -> None:
    root = build_guest(FULL_GUEST)
    add(".", '<seclabel type="none"/>')(root)
    add("devices", '<shmem name="x"/>')(root)
    with pytest.raises(Refused, match=r"shmem.*seclabel"):
        check_guest(root, pool_paths=["/pool"])


def test_randomness_from_another_file_is_refused() -> None:
    root = build_guest(FULL_GUEST)
    backend = root.find("devices/rng/backend")
    assert backend is not None
    backend.text = "/etc/shadow"
    with pytest.raises(Refused, match="shadow"):
        check_guest(root, pool_paths=["/pool"])


def test_a_trusted_emulator_is_allowed() -> None:
    root = build_guest(FULL_GUEST)
    add("devices", "<emulator>/usr/bin/qemu-system-x86_64</emulator>")(root)
    check_guest(root, pool_paths=["/pool"], trusted_files=["/usr/bin/qemu-system-x86_64"])


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><domain><name>&x;</name></domain>',
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd"><domain/>',
        "<domain><name>a</domain>",
        "",
        "<a>" * 100_000,
        "<a>\x00</a>",
    ],
)
def test_the_parser_refuses(text: str) -> None:
    with pytest.raises(Refused):
        parse_xml(text)


def test_titles_cannot_break_out_of_their_element() -> None:
    text = to_text(build_guest(replace(FULL_GUEST, title="</title>\n<evil/>")))
    assert parse_guest(text).title == "</title> <evil/>"
    assert parse_xml(text).find("evil") is None


def test_the_digest_ignores_layout_and_sees_changes() -> None:
    text = to_text(build_guest(FULL_GUEST))
    other_layout = text.replace("\n", "\n\n").replace('type="file" device="disk"', 'device="disk" type="file"')
    assert other_layout != text
    assert digest_of(parse_xml(text)) == digest_of(parse_xml(other_layout))
    assert digest_of(parse_xml(text)) != digest_of(parse_xml(text.replace("4096", "4097")))
