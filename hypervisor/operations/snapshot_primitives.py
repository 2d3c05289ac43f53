"""What a host must be able to do for snapshots and for moving disks, beside `primitives`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from lxml import etree

from hypervisor.chains import Merge
from hypervisor.observed import ObservedVolume, PowerState
from hypervisor.operations.primitives import GuestPrimitives


class OnProgress(Protocol):
    def __call__(self, done: int, total: int, /) -> None: ...


def no_progress(done: int, total: int, /) -> None:
    """Nobody is interested."""


class SnapshotPrimitives(GuestPrimitives, Protocol):
    def force_off_guest(self, uuid: UUID) -> None: ...
    def _power_state(self, uuid: UUID) -> PowerState: ...
    def _snapshot_xmls(self, uuid: UUID) -> list[tuple[str, bool]]:
        """(XML with secrets, is it the current one) of every snapshot."""

    def _take(self, uuid: UUID, snapshot: etree._Element, *, disks_only: bool, quiesce: bool) -> None: ...
    def _redefine_snapshot(self, uuid: UUID, snapshot: etree._Element, *, is_current: bool) -> None: ...
    def _forget_snapshot(self, uuid: UUID, name: str) -> None:
        """The record only. Its children become its parent's."""

    def _delete_internal(self, uuid: UUID, name: str) -> None: ...
    def _revert_internal(self, uuid: UUID, name: str) -> None:
        """Of a stopped guest; the guest then is as it was, running if it was."""

    def _restore_memory(self, uuid: UUID, memory_path: str, *, paths: Mapping[str, str]) -> None:
        """Start the guest from saved memory with its disks on other files: old path -> new."""

    def _files(self) -> dict[str, ObservedVolume]:
        """Path -> volume, for all pools, looked up anew."""

    def _merge(self, uuid: UUID, target: str | None, leaf: str, step: Merge, on_progress: OnProgress) -> None:
        """Through the running guest's disk `target`, or without it when its chain is not concerned; `leaf` is the chain's top."""

    def _make_overlay(self, path: str, base: ObservedVolume) -> None: ...
    def _drop_file(self, path: str) -> None:
        """A file that is not there is fine."""
