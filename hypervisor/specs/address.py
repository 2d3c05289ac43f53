"""Where a host is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HostKind = Literal["local", "unix", "test"]


@dataclass(frozen=True, slots=True)
class HostAddress:
    """Where a host's libvirt is reached. Never a URI: `hypervisor.libvirt.sessions.uri_for` makes that.

    local: qemu:///system. unix: qemu:///system through `socket_path`. test: libvirt's test driver (one shared state per daemon)
    through `socket_path`, or through the local daemon's socket when empty.
    """

    kind: HostKind
    socket_path: str = ""
