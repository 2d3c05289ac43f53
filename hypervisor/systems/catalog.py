"""Every known operating system as a frozen value. osinfo-db is read once per process, at first use (about a second)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from hypervisor.systems.overlay import NEWER, Newer

OSINFO_FOLDERS = (Path("/usr/share/osinfo/os"), Path("/usr/local/share/osinfo/os"))


@dataclass(frozen=True, slots=True)
class System:
    """`devices` are the URIs osinfo gives to what the system drives out of the box, its ancestors' included."""

    id: str
    short_id: str
    name: str
    family: str
    """linux, winnt, freebsd, openbsd, netbsd ... as osinfo says; "" unknown."""
    distro: str
    version: str
    released_on: str
    ends_on: str
    devices: frozenset[str]
    is_uefi_only: bool
    minimum_memory_mib: int
    minimum_disk_gib: int
    recommended_memory_mib: int
    recommended_vcpus: int
    recommended_disk_gib: int

    def drives(self, *devices: str) -> bool:
        return any(device in self.devices for device in devices)


@dataclass(frozen=True, slots=True)
class Catalog:
    systems: Mapping[str, System]
    """By id, such as http://debian.org/debian/12."""

    def find(self, name: str) -> System | None:
        """By short id or id; None when there is none of that name."""
        wanted = name.strip().lower()
        return self.systems.get(wanted) or next((system for system in self.systems.values() if system.short_id == wanted), None)

    def newest_first(self) -> list[System]:
        return sorted(self.systems.values(), key=lambda system: (system.released_on, system.name), reverse=True)


@functools.cache
def catalog(folders: tuple[Path, ...] = OSINFO_FOLDERS) -> Catalog:
    roots = {str(root.get("id")): root for root in _read(folders)}
    systems = {id: _system(id, roots) for id in roots}
    for newer in NEWER:
        if newer.id not in systems:
            systems[newer.id] = _from_overlay(newer, systems)
    return Catalog(systems)


def _read(folders: tuple[Path, ...]) -> Iterator[etree._Element]:
    """Files of the distribution's package, so trusted; a broken one is left out rather than all of them."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    for folder in folders:
        for file in sorted(folder.glob("**/*.xml")):
            try:
                yield from etree.parse(file, parser).getroot().findall("os")
            except (OSError, etree.XMLSyntaxError):
                continue


def _system(id: str, roots: Mapping[str, etree._Element]) -> System:
    root = roots[id]
    line = list(_ancestors(id, roots))
    firmwares = {str(one.get("type")): one.get("supported", "true") for one in root.findall("firmware") if one.get("arch") == "x86_64"}
    return System(
        id=id,
        short_id=_text(root, "short-id"),
        name=_name(root),
        family=_text(root, "family"),
        distro=_text(root, "distro"),
        version=_text(root, "version"),
        released_on=_text(root, "release-date"),
        ends_on=_text(root, "eol-date"),
        devices=_devices([roots[one] for one in reversed(line)]),
        is_uefi_only=firmwares.get("bios") == "false",
        **_resources([roots[one] for one in line]),
    )


def _ancestors(id: str, roots: Mapping[str, etree._Element]) -> Iterator[str]:
    """The system itself, then what it derives from or is a copy of, nearest first."""
    todo, seen = [id], set[str]()
    while todo:
        current = todo.pop(0)
        if current in seen or current not in roots:
            continue
        seen.add(current)
        yield current
        todo.extend(str(one.get("id")) for tag in ("derives-from", "clones") for one in roots[current].findall(tag))


def _devices(oldest_first: list[etree._Element]) -> frozenset[str]:
    found: set[str] = set()
    for root in oldest_first:
        for device in root.findall("devices/device"):
            if device.get("supported", "true") == "true":
                found.add(str(device.get("id")))
            else:
                found.discard(str(device.get("id")))
    return frozenset(found)


def _resources(nearest_first: list[etree._Element]) -> dict[str, int]:
    def number(kind: str, name: str) -> int:
        for root in nearest_first:
            for resources in root.findall("resources"):
                if resources.get("arch") in ("x86_64", "all") and (text := resources.findtext(f"{kind}/{name}")):
                    return int(text)
        return 0

    minimum_mib, minimum_gib = number("minimum", "ram") // 1024**2, -(-number("minimum", "storage") // 1024**3)
    return {
        "minimum_memory_mib": minimum_mib,
        "minimum_disk_gib": minimum_gib,
        "recommended_memory_mib": max(minimum_mib, number("recommended", "ram") // 1024**2),
        "recommended_vcpus": max(1, number("minimum", "n-cpus"), number("recommended", "n-cpus")),
        "recommended_disk_gib": max(minimum_gib, -(-number("recommended", "storage") // 1024**3)),
    }


def _from_overlay(newer: Newer, systems: Mapping[str, System]) -> System:
    """Like its nearest known ancestor: what osinfo-db will very likely say of it one day."""
    parent = next((systems[one] for one in newer.like if one in systems), None)
    return System(
        id=newer.id,
        short_id=newer.short_id,
        name=newer.name,
        family=newer.family,
        distro=newer.distro,
        version=newer.version,
        released_on=newer.released_on,
        ends_on=newer.ends_on,
        devices=(parent.devices if parent else frozenset()) | frozenset(newer.devices),
        is_uefi_only=parent.is_uefi_only if parent else False,
        minimum_memory_mib=newer.minimum_memory_mib,
        minimum_disk_gib=newer.minimum_disk_gib,
        recommended_memory_mib=newer.memory_mib,
        recommended_vcpus=newer.vcpus,
        recommended_disk_gib=newer.disk_gib,
    )


def _text(root: etree._Element, tag: str) -> str:
    return (root.findtext(tag) or "").strip()


def _name(root: etree._Element) -> str:
    """Without a language: the English one."""
    names = [name for name in root.findall("name") if not name.attrib]
    return (names[0].text or "").strip() if names else _text(root, "short-id")
