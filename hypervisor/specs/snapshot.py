"""A snapshot to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SnapshotSpec:
    """`name` is chosen by us: [a-z0-9-], unique in its guest. `description` is people's note.

    auto: as the guest's other snapshots are; else internal where the guest's firmware, disks and state allow it, else external.
    `with_memory` counts for a running guest only. `quiesce`: have the guest's agent flush its file systems, if there is an agent.
    """

    name: str
    description: str = ""
    kind: Literal["auto", "internal", "external"] = "auto"
    with_memory: bool = False
    quiesce: bool = True
