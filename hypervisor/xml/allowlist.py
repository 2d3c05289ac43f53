"""The last look at a guest definition before a host sees it: every element, attribute and risky value must be one we know.

libvirt does not defend us: 9.0 accepted `qemu:commandline`, a disk on /etc/shadow and an exported `/`. So this is a list of what is
allowed, never of what is forbidden, and it is applied alike to what we build, what we edit and what is imported.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator

from lxml import etree

from hypervisor.errors import Refused

_ADDRESS = {"type", "domain", "bus", "slot", "function", "controller", "target", "unit", "port", "multifunction"}

ALLOWED: dict[str, set[str]] = {
    "domain": {"type"},
    "domain/name": set(),
    "domain/uuid": set(),
    "domain/title": set(),
    "domain/description": set(),
    "domain/memory": {"unit"},
    "domain/currentMemory": {"unit"},
    "domain/vcpu": {"placement", "current"},
    "domain/os": {"firmware"},
    "domain/os/type": {"arch", "machine"},
    "domain/os/loader": {"readonly", "type", "secure", "format"},
    "domain/os/nvram": {"template", "format", "templateFormat"},
    "domain/os/boot": {"dev"},
    "domain/features": set(),
    "domain/features/acpi": set(),
    "domain/features/apic": set(),
    "domain/features/smm": {"state"},
    "domain/cpu": {"mode", "match", "check", "migratable"},
    "domain/cpu/topology": {"sockets", "dies", "cores", "threads"},
    "domain/clock": {"offset"},
    "domain/clock/timer": {"name", "tickpolicy", "present"},
    "domain/on_poweroff": set(),
    "domain/on_reboot": set(),
    "domain/on_crash": set(),
    "domain/pm": set(),
    "domain/pm/suspend-to-mem": {"enabled"},
    "domain/pm/suspend-to-disk": {"enabled"},
    "domain/devices": set(),
    "domain/devices/emulator": set(),
    "domain/devices/disk": {"type", "device"},
    "domain/devices/disk/driver": {"name", "type", "discard", "cache", "io", "detect_zeroes"},
    "domain/devices/disk/source": {"file", "index"},
    "domain/devices/disk/target": {"dev", "bus", "tray"},
    "domain/devices/disk/readonly": set(),
    "domain/devices/disk/boot": {"order"},
    "domain/devices/controller": {"type", "index", "model", "ports"},
    "domain/devices/controller/model": {"name"},
    "domain/devices/controller/target": {"chassis", "port"},
    "domain/devices/interface": {"type"},
    "domain/devices/interface/mac": {"address"},
    "domain/devices/interface/source": {"network"},
    "domain/devices/interface/model": {"type"},
    "domain/devices/interface/boot": {"order"},
    "domain/devices/serial": {"type"},
    "domain/devices/serial/target": {"type", "port"},
    "domain/devices/serial/target/model": {"name"},
    "domain/devices/console": {"type"},
    "domain/devices/console/target": {"type", "port"},
    "domain/devices/channel": {"type"},
    "domain/devices/channel/source": {"mode"},
    "domain/devices/channel/target": {"type", "name"},
    "domain/devices/input": {"type", "bus"},
    "domain/devices/graphics": {"type"},
    "domain/devices/graphics/listen": {"type"},
    "domain/devices/audio": {"id", "type"},
    "domain/devices/video": set(),
    "domain/devices/video/model": {"type", "vram", "heads", "primary"},
    "domain/devices/memballoon": {"model"},
    "domain/devices/memballoon/stats": {"period"},
    "domain/devices/rng": {"model"},
    "domain/devices/rng/backend": {"model"},
    "domain/devices/panic": {"model"},
}
"""Element path -> its attributes. `address` and `alias`, which libvirt adds to any device, are handled apart."""

VALUES: dict[tuple[str, str], set[str]] = {
    ("domain", "type"): {"kvm", "qemu", "test"},
    ("domain/cpu", "mode"): {"host-model", "maximum", "host-passthrough"},
    ("domain/devices/disk", "type"): {"file"},
    ("domain/devices/disk", "device"): {"disk", "cdrom"},
    ("domain/devices/disk/driver", "name"): {"qemu"},
    ("domain/devices/disk/driver", "type"): {"raw", "qcow2"},
    ("domain/devices/interface", "type"): {"network"},
    ("domain/devices/serial", "type"): {"pty"},
    ("domain/devices/console", "type"): {"pty"},
    ("domain/devices/channel", "type"): {"unix"},
    ("domain/devices/channel/source", "mode"): {"bind"},
    ("domain/devices/graphics", "type"): {"vnc"},
    ("domain/devices/graphics/listen", "type"): {"socket"},
    ("domain/devices/audio", "type"): {"none"},
    ("domain/devices/rng/backend", "model"): {"random"},
}
"""Attributes whose value decides where bytes go."""

TEXTS: dict[str, set[str]] = {"domain/os/type": {"hvm"}, "domain/devices/rng/backend": {"/dev/urandom", "/dev/random"}}
"""Elements whose text decides where bytes come from."""


def check_guest(root: etree._Element, *, pool_paths: Collection[str], trusted_files: Collection[str] = ()) -> None:
    """Refuse the definition unless all of it is allowed; the message names everything that is not.

    `pool_paths`: folders of the host's pools; each disk must lie directly in one. `trusted_files`: emulators, loaders and NVRAM
    templates that this host itself offers; none by default.
    """
    problems = [*_unknown(root, str(root.tag)), *_foreign_files(root, trusted_files), *_foreign_disks(root, pool_paths)]
    if problems:
        raise Refused(f"The guest definition is not allowed: {'; '.join(problems)}. Remove these parts.")


def _unknown(element: etree._Element, path: str) -> Iterator[str]:
    attributes = _ADDRESS if path.endswith("/address") else {"name"} if path.endswith("/alias") else ALLOWED.get(path)
    in_device = path.startswith("domain/devices/") and path.count("/") == 3
    if attributes is None or (path not in ALLOWED and not in_device):
        yield f"element <{etree.QName(element).localname}> at {path}"
        return
    for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
        if name not in attributes:
            yield f'attribute {name}="{value}" at {path}'
        elif value not in VALUES.get((path, name), {value}):
            yield f'value {name}="{value}" at {path}'
    text = (element.text or "").strip()
    if text not in TEXTS.get(path, {text}):
        yield f'text "{text}" at {path}'
    for child in element:
        yield from _unknown(child, f"{path}/{child.tag}")


def _foreign_files(root: etree._Element, trusted_files: Collection[str]) -> Iterator[str]:
    for path in ("devices/emulator", "os/loader", "os/nvram"):
        for found in root.findall(path):
            named = {(found.text or "").strip(), str(found.get("template", ""))} - {""}
            for file in sorted(named - set(trusted_files)):
                yield f"file {file} at domain/{path}"
    # A graphics element without a listen element listens on the daemon's configured address.
    for graphics in root.findall("devices/graphics"):
        if graphics.find("listen") is None:
            yield "a display without a socket at domain/devices/graphics"


def _foreign_disks(root: etree._Element, pool_paths: Collection[str]) -> Iterator[str]:
    folders = {posixpath.normpath(path) for path in pool_paths}
    for source in root.findall("devices/disk/source"):
        file = str(source.get("file", ""))
        if posixpath.normpath(file) != file or posixpath.dirname(file) not in folders:
            yield f"disk {file or '(none)'} outside the host's pools"
