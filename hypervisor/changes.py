"""What differs between two definitions, line by line, in words: for plans, history, drift, and what waits for the next start. Pure.

diff(before_xml, after_xml)            a change of the definition
pending(live_xml, definition_xml)      what a running guest will get at its next start
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lxml import etree

from hypervisor.xml.merge import keys_of
from hypervisor.xml.safe import attribute_at, parse_xml, size_at


class When(StrEnum):
    """When a change of a running guest's definition reaches it. A stopped guest has everything at once."""

    NOW = "now"
    NEXT_BOOT = "next_boot"
    POWER_OFF = "power_off"
    """Only a stopped guest can be changed so."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a diff. `key` is stable and machine readable; "" before or after: not there. Values may name files of the host."""

    key: str
    label: str
    before: str
    after: str
    when: When = When.NEXT_BOOT


def diff(before: str, after: str) -> tuple[Change, ...]:
    """Between two definitions, either built by us or told by libvirt (inactive)."""
    return _compare(_facts(parse_xml(before)), _facts(parse_xml(after)))


def pending(live: str, definition: str) -> tuple[Change, ...]:
    """What the definition of a running guest says and the running guest does not have yet: before is what runs, after what is defined."""
    live_root, definition_root = parse_xml(live), parse_xml(definition)
    _forget_what_a_start_fills_in(live_root, definition_root)
    changes = _compare(_facts(live_root), _facts(definition_root))
    return tuple(change for change in changes if not _WORDS.fullmatch(change.key))


_WORDS = re.compile(r"title|description|metadata/.*")
"""About the guest, not of it: nothing that a start would bring."""


def _compare(before: dict[str, str], after: dict[str, str]) -> tuple[Change, ...]:
    changes = []
    for key in [*before, *(key for key in after if key not in before)]:
        was, is_now = before.get(key, ""), after.get(key, "")
        is_summary = key in before and key in after and re.fullmatch(r"devices/[^/@]+", key)
        if was != is_now and not is_summary and not _belongs_to_one_that_came_or_went(key, before, after):
            changes.append(Change(key, label_of(key), was, is_now, when_of(key, is_added=key not in before)))
    return tuple(changes)


def _belongs_to_one_that_came_or_went(key: str, before: dict[str, str], after: dict[str, str]) -> bool:
    """A disk that is new is one line, not ten."""
    device = re.match(r"devices/[^/@]+", key)
    return device is not None and device.group() != key and ((device.group() in before) != (device.group() in after))


# -- a definition as flat facts -------------------------------------------------------------------------------------------------------
_NOT_TOLD = {
    "uuid", "vcpus", "seclabel", "resource", "devices/emulator", "@id", "os/nvram", "os/loader",
}  # fmt: skip
"""What the host makes of a definition rather than what anybody chose."""


def _facts(root: etree._Element) -> dict[str, str]:
    facts: dict[str, str] = {}
    for path, value in _walk(root, ""):
        if path not in _NOT_TOLD and not any(path.startswith(f"{one}/") or path.startswith(f"{one}@") for one in _NOT_TOLD):
            facts[path] = value
    return facts


def _walk(element: etree._Element, path: str) -> Iterator[tuple[str, str]]:
    if path in ("memory", "currentMemory"):
        yield path, f"{size_at(element, '.', default_unit='KiB') // 1024**2} MiB"
        return
    if path == "vcpu":
        yield path, (element.text or "").strip()
        yield "vcpu@current", str(element.get("current") or (element.text or "").strip())
        return
    is_device = path.startswith("devices/") and path.count("/") == 1
    if is_device:
        yield path, _summary(element)
    elif (element.text or "").strip():
        yield path, (element.text or "").strip()
    elif not element.attrib and not len(element) and path:
        yield path, "yes"
    for name, value in sorted(element.attrib.items()):
        yield f"{path}@{name!s}", str(value)
    for (tag, name), child in keys_of(element).items():
        if not (tag == "controller" and path == "devices"):  # libvirt's own wiring, which follows the devices
            local = etree.QName(tag).localname
            yield from _walk(child, f"{path}/{local}[{name}]".lstrip("/") if name else f"{path}/{local}".lstrip("/"))


def _summary(device: etree._Element) -> str:
    """The device in a few words."""
    if device.tag == "disk":
        path = attribute_at(device, "source", "file") or attribute_at(device, "source", "dev")
        return f"{device.get('device', 'disk')} on {attribute_at(device, 'target', 'bus')}, {path or 'empty'}"
    if device.tag == "interface":
        where = attribute_at(device, "source", "network") or attribute_at(device, "source", "bridge")
        return f"{attribute_at(device, 'model', 'type') or 'interface'} on {where or device.get('type')}"
    model = device.get("model") or attribute_at(device, "model", "type") or device.get("type")
    return str(model or "yes")


_FILLED_IN_AT_START = (
    "devices/disk/backingStore", "devices/disk/mirror", "devices/interface/target", "devices/graphics/listen", "devices/console/source",
    "devices/serial/source", "devices/channel/source", "devices/serial/target/model", "devices/memballoon/alias",
)  # fmt: skip
_ATTRIBUTES_OF_A_START = {
    "devices/disk/source": ("index",),
    "devices/interface/source": ("portid", "bridge"),
    "devices/graphics": ("port", "socket", "listen", "autoport"),
    "devices/console": ("tty",),
    "devices/channel/target": ("state",),
    "devices/disk/target": ("tray",),
    ".": ("id",),
}


def _forget_what_a_start_fills_in(live: etree._Element, definition: etree._Element) -> None:
    for root in (live, definition):
        for path in _FILLED_IN_AT_START:
            for found in root.findall(path):
                found.getparent().remove(found)  # type: ignore[union-attr]
        for path, names in _ATTRIBUTES_OF_A_START.items():
            for found in [root] if path == "." else root.findall(path):
                for name in names:
                    found.attrib.pop(name, "")
    for source in [one for one in live.findall("devices/disk/source") if not one.attrib and not len(one)]:
        source.getparent().remove(source)  # type: ignore[union-attr]
    if attribute_at(live, "cpu", "mode") != attribute_at(definition, "cpu", "mode"):
        # A start turns host-model into the model and features it found. The topology and NUMA cells stay as they were written.
        for root in (live, definition):
            cpu = root.find("cpu")
            if cpu is None:
                continue
            for child in [one for one in cpu if one.tag not in ("topology", "numa")]:
                cpu.remove(child)
            cpu.attrib.clear()


# -- words and moments ----------------------------------------------------------------------------------------------------------------
_LABELS: tuple[tuple[str, str], ...] = (
    (r"title", "Name"),
    (r"name", "Name on the host"),
    (r"description", "Description"),
    (r"metadata/.*", "Operating system"),
    (r"memory", "Memory at most"),
    (r"currentMemory", "Memory"),
    (r"vcpu", "vCPUs at most"),
    (r"vcpu@current", "vCPUs"),
    (r"iothreads", "I/O threads"),
    (r"memoryBacking/hugepages.*", "Huge pages"),
    (r"cputune/vcpupin\[(\d+)\].*", r"Pinning of vCPU \1"),
    (r"cputune/emulatorpin.*", "Pinning of the emulator"),
    (r"numatune.*", "Placement of memory"),
    (r"cpu/topology@(.*)", r"CPU \1"),
    (r"cpu/feature\[(.*?)\].*", r"CPU feature \1"),
    (r"cpu/numa/cell\[(\d+)\]@(.*)", r"NUMA node \1: \2"),
    (r"cpu@mode|cpu/model", "CPU model"),
    (r"os@firmware|os/firmware.*", "Firmware"),
    (r"os/type@machine", "Machine type"),
    (r"os/boot.*", "Boot order"),
    (r"os/bootmenu.*", "Boot menu"),
    (r"features/hyperv.*", "Hyper-V enlightenments"),
    (r"clock@offset", "Clock"),
    (r"clock/timer\[(.*?)\].*", r"Timer \1"),
    (r"devices/disk\[(\w+)\]", r"Disk \1"),
    (r"devices/disk\[(\w+)\]/source@\w+", r"Disk \1: file"),
    (r"devices/disk\[(\w+)\]/driver@(\w+)", r"Disk \1: \2"),
    (r"devices/disk\[(\w+)\]/target@bus", r"Disk \1: bus"),
    (r"devices/disk\[(\w+)\]/boot@order", r"Disk \1: boot order"),
    (r"devices/disk\[(\w+)\]/iotune/(\w+)", r"Disk \1: limit \2"),
    (r"devices/disk\[(\w+)\]/?(.*)", r"Disk \1: \2"),
    (r"devices/interface\[(.*?)\]", r"Network interface \1"),
    (r"devices/interface\[(.*?)\]/source@\w+", r"Network interface \1: network"),
    (r"devices/interface\[(.*?)\]/model@type", r"Network interface \1: model"),
    (r"devices/interface\[(.*?)\]/link@state", r"Network interface \1: link"),
    (r"devices/interface\[(.*?)\]/boot@order", r"Network interface \1: boot order"),
    (r"devices/interface\[(.*?)\]/bandwidth/inbound@(\w+)", r"Network interface \1: receive \2"),
    (r"devices/interface\[(.*?)\]/bandwidth/outbound@(\w+)", r"Network interface \1: send \2"),
    (r"devices/interface\[(.*?)\]/?(.*)", r"Network interface \1: \2"),
    (r"devices/hostdev\[(.*?)\].*", r"Host device \1"),
    (r"devices/video.*", "Display adapter"),
    (r"devices/graphics.*", "Display"),
    (r"devices/tpm.*", "TPM"),
    (r"devices/watchdog.*", "Watchdog"),
    (r"devices/memballoon.*", "Memory balloon"),
    (r"devices/rng.*", "Random number generator"),
    (r"devices/channel\[org\.qemu\.guest_agent\.0\].*", "Guest agent channel"),
)

_NOW = re.compile(
    r"title|description|metadata/.*|currentMemory|vcpu@current|devices/disk\[\w+\]/iotune/.*|devices/disk\[\w+\]/iotune"
    r"|devices/interface\[.*?\](/(link|bandwidth|filterref|source).*)?|devices/hostdev\[.*?\]"
)
_HOT_PLUG_DISK = re.compile(r"devices/disk\[(vd\w+|sd\w+)\]")
_MEDIUM = re.compile(r"devices/disk\[\w+\]/source@\w+")
_POWER_OFF = {"name"}


def label_of(key: str) -> str:
    for pattern, label in _LABELS:
        found = re.fullmatch(pattern, key)
        if found:
            return found.expand(label)
    return key


def when_of(key: str, *, is_added: bool = False) -> When:
    """When a running guest can have it, at best: the host may still say that it has no free slot for a new device."""
    if key in _POWER_OFF:
        return When.POWER_OFF
    if _NOW.fullmatch(key) or _HOT_PLUG_DISK.fullmatch(key) or _MEDIUM.fullmatch(key):
        return When.NOW
    return When.NEXT_BOOT
