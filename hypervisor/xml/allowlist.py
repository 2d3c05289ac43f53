"""The last look at a guest definition before a host sees it: every element, attribute and risky value must be one we know.

libvirt does not defend us: 9.0 accepted `qemu:commandline`, a disk on /etc/shadow and an exported `/`. So this is a list of what is
allowed, never of what is forbidden, and it is applied alike to what we build, what we edit and what is imported.
"""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Collection, Iterator

from lxml import etree

from hypervisor.errors import Refused
from hypervisor.specs import HostDeviceSpec
from hypervisor.xml.disk import LIMITS
from hypervisor.xml.element import E
from hypervisor.xml.host_device import parse_host_device
from hypervisor.xml.machine import ENLIGHTENMENTS, LIBOSINFO

LOOPBACK = {"127.0.0.1", "::1"}
_ADDRESS = {"type", "domain", "bus", "slot", "function", "controller", "target", "unit", "port", "multifunction", "device"}

ALLOWED: dict[str, set[str]] = {
    "domain": {"type"},
    "domain/name": set(),
    "domain/uuid": set(),
    "domain/title": set(),
    "domain/description": set(),
    "domain/memory": {"unit"},
    "domain/currentMemory": {"unit"},
    "domain/metadata": set(),
    f"domain/metadata/{{{LIBOSINFO}}}libosinfo": set(),
    f"domain/metadata/{{{LIBOSINFO}}}libosinfo/{{{LIBOSINFO}}}os": {"id"},
    "domain/memoryBacking": set(),
    "domain/memoryBacking/hugepages": set(),
    "domain/memoryBacking/hugepages/page": {"size", "unit", "nodeset"},
    "domain/vcpu": {"placement", "current"},
    "domain/iothreads": set(),
    "domain/cputune": set(),
    "domain/cputune/shares": set(),
    "domain/cputune/period": set(),
    "domain/cputune/quota": set(),
    "domain/cputune/vcpupin": {"vcpu", "cpuset"},
    "domain/cputune/emulatorpin": {"cpuset"},
    "domain/cputune/iothreadpin": {"iothread", "cpuset"},
    "domain/numatune": set(),
    "domain/numatune/memory": {"mode", "nodeset", "placement"},
    "domain/numatune/memnode": {"cellid", "mode", "nodeset"},
    "domain/os": {"firmware"},
    "domain/os/firmware": set(),
    "domain/os/firmware/feature": {"enabled", "name"},
    "domain/os/bootmenu": {"enable", "timeout"},
    "domain/os/type": {"arch", "machine"},
    "domain/os/loader": {"readonly", "type", "secure", "format"},
    "domain/os/nvram": {"template", "format", "templateFormat"},
    "domain/os/boot": {"dev"},
    "domain/features": set(),
    "domain/features/acpi": set(),
    "domain/features/apic": set(),
    "domain/features/smm": {"state"},
    "domain/features/gic": {"version"},
    "domain/features/pae": set(),
    "domain/features/vmport": {"state"},
    "domain/features/hyperv": {"mode"},
    **{f"domain/features/hyperv/{name}": {"state"} for name in (*ENLIGHTENMENTS, "reset", "tlbflush", "ipi", "reenlightenment", "avic")},
    "domain/features/hyperv/spinlocks": {"state", "retries"},
    "domain/features/hyperv/stimer/direct": {"state"},
    "domain/cpu": {"mode", "match", "check", "migratable"},
    "domain/cpu/model": {"fallback"},
    "domain/cpu/vendor": set(),
    "domain/cpu/feature": {"policy", "name"},
    "domain/cpu/cache": {"level", "mode"},
    "domain/cpu/numa": set(),
    "domain/cpu/numa/cell": {"id", "cpus", "memory", "unit"},
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
    "domain/devices/disk/driver": {
        "name",
        "type",
        "discard",
        "cache",
        "io",
        "detect_zeroes",
        "iothread",
        "error_policy",
        "rerror_policy",
        "queues",
    },
    "domain/devices/disk/source": {"file", "index"},
    "domain/devices/disk/target": {"dev", "bus", "tray"},
    "domain/devices/disk/readonly": set(),
    "domain/devices/disk/serial": set(),
    "domain/devices/disk/iotune": set(),
    **{f"domain/devices/disk/iotune/{name}": set() for name in LIMITS},
    "domain/devices/disk/boot": {"order"},
    "domain/devices/controller": {"type", "index", "model", "ports"},
    "domain/devices/controller/model": {"name"},
    "domain/devices/controller/target": {"chassis", "port"},
    "domain/devices/interface": {"type"},
    "domain/devices/interface/mac": {"address"},
    "domain/devices/interface/source": {"network"},
    "domain/devices/interface/model": {"type"},
    "domain/devices/interface/boot": {"order"},
    "domain/devices/interface/link": {"state"},
    "domain/devices/interface/mtu": {"size"},
    "domain/devices/interface/bandwidth": set(),
    "domain/devices/interface/bandwidth/inbound": {"average", "peak", "burst", "floor"},
    "domain/devices/interface/bandwidth/outbound": {"average", "peak", "burst"},
    "domain/devices/interface/filterref": {"filter"},
    "domain/devices/interface/filterref/parameter": {"name", "value"},
    "domain/devices/serial": {"type"},
    "domain/devices/serial/target": {"type", "port"},
    "domain/devices/serial/target/model": {"name"},
    "domain/devices/console": {"type"},
    "domain/devices/console/target": {"type", "port"},
    "domain/devices/channel": {"type"},
    "domain/devices/channel/source": {"mode"},
    "domain/devices/channel/target": {"type", "name"},
    "domain/devices/input": {"type", "bus"},
    "domain/devices/graphics": {"type", "port", "autoport", "listen"},
    "domain/devices/graphics/listen": {"type", "address"},
    "domain/devices/audio": {"id", "type"},
    "domain/devices/video": set(),
    "domain/devices/video/model": {"type", "vram", "ram", "vgamem", "heads", "primary"},
    "domain/devices/memballoon": {"model"},
    "domain/devices/memballoon/stats": {"period"},
    "domain/devices/rng": {"model"},
    "domain/devices/rng/backend": {"model"},
    "domain/devices/panic": {"model"},
    "domain/devices/tpm": {"model"},
    "domain/devices/tpm/backend": {"type", "version"},
    "domain/devices/watchdog": {"model", "action"},
    "domain/devices/hostdev": {"mode", "type", "managed"},
    "domain/devices/hostdev/driver": {"name"},
    "domain/devices/hostdev/source": set(),
    "domain/devices/hostdev/source/address": {"domain", "bus", "slot", "function", "device"},
    "domain/devices/hostdev/source/vendor": {"id"},
    "domain/devices/hostdev/source/product": {"id"},
    "domain/devices/hostdev/boot": {"order"},
}
"""Element path -> its attributes. `address` and `alias`, which libvirt adds to any device, are handled apart."""

VALUES: dict[tuple[str, str], set[str]] = {
    ("domain", "type"): {"kvm", "qemu", "test"},
    ("domain/cpu", "mode"): {"host-model", "maximum", "host-passthrough", "custom"},
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
    ("domain/devices/graphics", "port"): {"-1"},
    ("domain/devices/graphics", "listen"): LOOPBACK,
    ("domain/devices/graphics/listen", "type"): {"socket", "address"},
    ("domain/devices/graphics/listen", "address"): LOOPBACK,
    ("domain/devices/hostdev", "mode"): {"subsystem"},
    ("domain/devices/hostdev", "type"): {"pci", "usb"},
    ("domain/devices/tpm/backend", "type"): {"emulator"},
    ("domain/devices/audio", "type"): {"none"},
    ("domain/devices/rng/backend", "model"): {"random"},
}
"""Attributes whose value decides where bytes go."""

TEXTS: dict[str, set[str]] = {"domain/os/type": {"hvm"}, "domain/devices/rng/backend": {"/dev/urandom", "/dev/random"}}
"""Elements whose text decides where bytes come from."""


def check_guest(
    root: etree._Element,
    *,
    pool_paths: Collection[str],
    trusted_files: Collection[str] = (),
    host_devices: Collection[HostDeviceSpec] = (),
    already_there: etree._Element | None = None,
) -> None:
    """Refuse the definition unless all of it is allowed; the message names everything that is not.

    `pool_paths`: folders of the host's pools; each disk must lie directly in one. `trusted_files`: emulators, loaders and NVRAM
    files that this host itself offers; none by default. `host_devices`: those somebody with the right to it has given to this guest.
    `already_there`: the present definition; what an administrator put into it on the host may stay, unchanged.
    """
    problems = _problems(root, pool_paths, trusted_files, host_devices)
    if already_there is not None:
        tolerated = set(_problems(already_there, pool_paths, trusted_files, host_devices))
        problems = [problem for problem in problems if problem not in tolerated]
    if problems:
        raise Refused(f"The guest definition is not allowed: {'; '.join(problems)}. Remove these parts.")


def check_device(device: etree._Element, *, pool_paths: Collection[str], host_devices: Collection[HostDeviceSpec] = ()) -> None:
    """The same look at one device that is to be plugged in."""
    check_guest(E.domain(E.devices(copy.deepcopy(device))), pool_paths=pool_paths, host_devices=host_devices)


def _problems(
    root: etree._Element, pool_paths: Collection[str], trusted_files: Collection[str], host_devices: Collection[HostDeviceSpec]
) -> list[str]:
    return [
        *_unknown(root, str(root.tag)),
        *_foreign_files(root, trusted_files),
        *_foreign_disks(root, pool_paths),
        *_foreign_displays(root),
        *_foreign_devices(root, host_devices),
    ]


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
                own_store = f"{posixpath.dirname(file)}/{root.findtext('name')}_VARS.fd"  # as libvirt names it
                if path == "os/nvram" and file == own_store and posixpath.dirname(file) in trusted_files:
                    continue
                yield f"file {file} at domain/{path}"


def _foreign_displays(root: etree._Element) -> Iterator[str]:
    # A graphics element without a listen element listens on the daemon's configured address.
    for graphics in root.findall("devices/graphics"):
        listens = graphics.findall("listen")
        if not listens:
            yield "a display without a socket at domain/devices/graphics"
        for listen in listens:
            if listen.get("type") == "address" and listen.get("address") not in LOOPBACK:
                yield "a display on an address of the host at domain/devices/graphics/listen"


def _foreign_devices(root: etree._Element, host_devices: Collection[HostDeviceSpec]) -> Iterator[str]:
    for hostdev in root.findall("devices/hostdev"):
        device = parse_host_device(hostdev)
        if device is None or device not in host_devices:
            yield f"hostdev {device or hostdev.get('type')} at domain/devices/hostdev"


def _foreign_disks(root: etree._Element, pool_paths: Collection[str]) -> Iterator[str]:
    folders = {posixpath.normpath(path) for path in pool_paths}
    for source in root.findall("devices/disk/source"):
        file = str(source.get("file", ""))
        if posixpath.normpath(file) != file or posixpath.dirname(file) not in folders:
            yield f"disk {file or '(none)'} outside the host's pools"
