"""Volumes, pools, networks and cloud-init seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

VolumeFormat = Literal["raw", "qcow2", "iso"]


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """One volume to make. `backing_path` with `backing_format` makes a copy-on-write overlay (qcow2 only)."""

    name: str
    capacity_bytes: int
    format: VolumeFormat = "qcow2"
    backing_path: str = ""
    backing_format: Literal["", "raw", "qcow2"] = ""


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A directory pool."""

    name: str
    path: str
    autostart: bool = True


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A NAT or isolated libvirt network with DHCP."""

    name: str
    bridge: str
    address: str
    prefix: int
    dhcp_start: str
    dhcp_end: str
    forward: Literal["nat", "isolated"] = "nat"
    autostart: bool = True


@dataclass(frozen=True, slots=True)
class CloudInitSpec:
    """Contents of a NoCloud seed. Secrets: never logged; `repr` hides them."""

    instance_id: str
    hostname: str
    user_data: str = field(repr=False)
    network_config: str = field(default="", repr=False)
