"""What we build, word for word, and true to libvirt's own schemas. `KVMWEB_WRITE_GOLDEN=1` rewrites the files: read the diff."""

from __future__ import annotations

import os
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

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
from hypervisor.xml.allowlist import check_guest
from hypervisor.xml.definition import parse_spec
from hypervisor.xml.guest import build_guest
from hypervisor.xml.network import build_network
from hypervisor.xml.pool import build_pool
from hypervisor.xml.safe import parse_xml, to_text
from hypervisor.xml.volume import build_volume
from tests.hypervisor.specs_for_tests import GUESTS, NETWORKS, POOLS, VOLUMES

GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = Path("/usr/share/libvirt/schemas")

BUILT: dict[str, tuple[etree._Element, str, Any]] = {
    **{f"guest-{name}": (build_guest(spec), "domain.rng", spec) for name, spec in GUESTS.items()},
    **{f"volume-{name}": (build_volume(spec), "storagevol.rng", spec) for name, spec in VOLUMES.items()},
    **{f"pool-{name}": (build_pool(spec), "storagepool.rng", spec) for name, spec in POOLS.items()},
    **{f"network-{name}": (build_network(spec), "network.rng", spec) for name, spec in NETWORKS.items()},
}

SPEC_CLASSES = (
    GuestSpec, DiskSpec, DiskLimits, NicSpec, Bandwidth, Rate, CpuSpec, Topology, NumaCell, VcpuPin, Watchdog, PciDevice, UsbDevice,
    VolumeSpec, PoolSpec, NetworkSpec,
)  # fmt: skip
NOT_IN_XML = {
    (GuestSpec, "autostart"),  # a call of its own: set_autostart
    (PoolSpec, "autostart"),
    (NetworkSpec, "autostart"),
}


@pytest.mark.parametrize("name", BUILT)
def test_what_we_build_is_the_golden_file(name: str) -> None:
    text = to_text(BUILT[name][0])
    file = GOLDEN / f"{name}.xml"
    if os.environ.get("KVMWEB_WRITE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="libvirt's schemas are not installed: apt-get install libvirt0")
@pytest.mark.parametrize("name", BUILT)
def test_golden_files_are_true_to_libvirts_schema(name: str) -> None:
    schema = etree.RelaxNG(etree.parse(str(SCHEMAS / BUILT[name][1])))
    assert schema.validate(parse_xml((GOLDEN / f"{name}.xml").read_text())), schema.error_log


@pytest.mark.parametrize("name", [name for name in BUILT if name.startswith("guest-")])
def test_golden_guests_pass_the_allow_list(name: str) -> None:
    check_guest(parse_xml((GOLDEN / f"{name}.xml").read_text()), pool_paths=["/pool"], host_devices=BUILT[name][2].host_devices)


@pytest.mark.parametrize("name", GUESTS)
def test_what_we_build_reads_back_as_it_was_meant(name: str) -> None:
    assert parse_spec(build_guest(GUESTS[name])) == GUESTS[name]


def test_every_golden_file_is_built_by_somebody() -> None:
    assert {file.stem for file in GOLDEN.glob("*.xml")} == set(BUILT)


@pytest.mark.parametrize(
    ("spec_class", "field"),
    [(cls, field.name) for cls in SPEC_CLASSES for field in fields(cls) if (cls, field.name) not in NOT_IN_XML],
)
def test_every_field_of_a_spec_shows_in_a_golden_file(spec_class: type, field: str) -> None:
    """Changing the field must change the XML of at least one golden spec: a field that nothing reads is a broken promise."""
    assert any(_shows(spec, spec_class, field) for _root, _schema, spec in BUILT.values())


def _shows(spec: Any, spec_class: type, field: str) -> bool:
    builders: dict[type, Any] = {GuestSpec: build_guest, VolumeSpec: build_volume, PoolSpec: build_pool, NetworkSpec: build_network}
    build = builders[type(spec)]
    return any(to_text(build(changed)) != to_text(build(spec)) for changed in _with_field_changed(spec, spec_class, field))


OTHER_VALUES: dict[str, Any] = {
    "uuid": (GUESTS["plain"].uuid.__class__(int=9),),
    "acceleration": ("kvm", "qemu"),
    "machine": ("q35", "pc"),
    "video": ("virtio", "vga"),
    "bus": ("virtio", "sata", "scsi", "ide"),
    "device": ("disk", "cdrom"),
    "model": ("virtio", "e1000e"),
    "format": ("raw", "qcow2"),
    "backing_format": ("raw", "qcow2"),
    "forward": ("nat", "isolated"),
    "boot_order": (None, 7),
    "firmware": ("bios", "uefi", "uefi-secure"),
    "clock": ("utc", "localtime"),
    "display": ("socket", "loopback", "none"),
    "discard": ("unmap", "ignore"),
    "mode": ("maximum", "host-passthrough"),
    "watchdog": (None,),
    "cpu": (CpuSpec("maximum"),),
    "topology": (None,),
    "limits": (DiskLimits(),),
    "bandwidth": (Bandwidth(),),
    "receive": (None,),
    "send": (None,),
}


def _with_field_changed(spec: Any, spec_class: Any, field: str) -> list[Any]:
    """Every variant of `spec` with `field` of one `spec_class` in it changed."""
    if type(spec) is spec_class:
        value = getattr(spec, field)
        if isinstance(value, tuple):
            return [replace(spec, **{field: ()})] if value else []
        others = OTHER_VALUES.get(field) if not isinstance(value, int) or isinstance(value, bool) else None
        others = others or {bool: (True, False), int: (4242,), str: ("another",), type(None): (4242,)}[type(value)]
        return [replace(spec, **{field: other}) for other in others if other != value]
    changed = []
    for outer in fields(spec):
        part = getattr(spec, outer.name)
        parts = part if isinstance(part, tuple) else (part,)
        for index, one in enumerate(parts):
            if is_dataclass(one) and not isinstance(one, type):
                for new in _with_field_changed(one, spec_class, field):
                    now = (*parts[:index], new, *parts[index + 1 :]) if isinstance(part, tuple) else new
                    changed.append(replace(spec, **{outer.name: now}))
    return changed
