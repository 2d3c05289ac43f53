"""What a host must be able to do with one guest, for the operations to be built on it. Each raises `hypervisor.errors` only."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from lxml import etree

from hypervisor.xml.guest import VirtType


class GuestPrimitives(Protocol):
    def _virt_type(self) -> VirtType | None:
        """What a definition's type must be on this host, whatever the spec says; None: as the spec says."""

    def _definition(self, uuid: UUID) -> etree._Element:
        """The definition with secrets, to be changed and given back to `_define`. NotFoundOnHost when there is no such guest."""

    def _told_definition(self, uuid: UUID) -> etree._Element:
        """The definition as everybody may see it: what digests and diffs are made of."""

    def _has_autostart(self, uuid: UUID) -> bool: ...
    def _live(self, uuid: UUID) -> etree._Element | None:
        """What runs; None when the guest is stopped."""

    def _is_persistent(self, uuid: UUID) -> bool: ...
    def _define(self, definition: etree._Element) -> None: ...

    # of a running guest only; Unsupported where it cannot be done while it runs
    def _plug(self, uuid: UUID, device: etree._Element) -> None: ...
    def _unplug(self, uuid: UUID, device: etree._Element) -> None:
        """Ask for it; the guest may take its time. Asking again while it does is fine."""

    def _replug(self, uuid: UUID, device: etree._Element) -> None:
        """Change a plugged device in place. Media are changed although the guest may have locked the tray."""

    def _limit_disk(self, uuid: UUID, target: str, limits: dict[str, int]) -> None: ...
    def _set_live_vcpus(self, uuid: UUID, vcpus: int) -> None: ...
    def _set_live_memory(self, uuid: UUID, memory_mib: int) -> None: ...
    def _grow_live_disk(self, uuid: UUID, target: str, capacity_bytes: int) -> None: ...
    def _disk_capacity(self, uuid: UUID, target: str) -> int: ...
    def _grow_file(self, path: str, capacity_bytes: int) -> None: ...
    def _trusted_files(self) -> list[str]:
        """Emulators, firmware and folders of NVRAM that this host itself offers."""

    def _pool_paths(self) -> list[str]: ...
