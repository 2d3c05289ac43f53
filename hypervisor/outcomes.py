"""What came of a change: frozen values that say what is so now and what comes later. Sentences in `note` are for operators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hypervisor.observed import ObservedSnapshot, PowerState


class Took(StrEnum):
    """How far a change of a guest has come."""

    NOW = "now"
    """The running guest has it, or the guest is stopped and its definition has it."""
    NEXT_BOOT = "next_boot"
    """Its definition has it; the running guest keeps the old until it is stopped and started."""
    WAITING_FOR_GUEST = "waiting_for_guest"
    """The definition no longer has the device, the guest was asked to let go of it and has not done so. Its files are still in use."""
    ALREADY = "already"
    """It was so before."""


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """`note` says why not at once, or what the guest still has to do; "" when there is nothing to say."""

    took: Took
    note: str = ""


@dataclass(frozen=True, slots=True)
class TakenSnapshot:
    """`note`: why it could not be quiesced, if it could not."""

    snapshot: ObservedSnapshot
    was_quiesced: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class RevertedSnapshot:
    """`unplugged`: files of disks that were added after the snapshot. They are unharmed, and no longer in the guest."""

    power_state: PowerState
    unplugged: tuple[str, ...] = ()
