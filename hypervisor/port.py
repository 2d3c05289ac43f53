"""What a host can do: the Protocols everybody else programs against.

Every method may block and may raise any of `hypervisor.errors`; none is safe on an asyncio loop. Guests are named by the uuid we
chose, volumes by (pool name, volume name): never by a path from outside. Reads return None or an empty list for what is not there only
where the type says so; otherwise NotFoundOnHost.

Calls suit a step that may run twice: what is already so is not an error. Starting a running guest, suspending a paused one, asking a
stopped one to shut down, forcing it off, undefining or deleting what is gone all return quietly. Creating what exists is AlreadyExists
(except define_guest, which redefines); a call that needs a running guest on a stopped one is Refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Literal, Protocol
from uuid import UUID

from hypervisor.changes import Change
from hypervisor.observed import (
    AgentInfo,
    DiskSize,
    GuestState,
    GuestStats,
    HostDevice,
    HostEvent,
    HostLoad,
    HostOffers,
    Lease,
    ObservedGuest,
    ObservedHost,
    ObservedNetwork,
    ObservedPool,
    ObservedSnapshot,
    ObservedVolume,
)
from hypervisor.outcomes import ChangeResult, RevertedSnapshot, TakenSnapshot
from hypervisor.specs import DiskSpec, GuestSpec, HostAddress, HostDeviceSpec, NetworkSpec, NicSpec, PoolSpec, SnapshotSpec, VolumeSpec
from hypervisor.xml.definition import GuestDefinition

ProgressCallback = Callable[[int, int], None]
"""Called with (bytes done, bytes total). May raise to stop the transfer; the volume is then left for the caller's undo."""


class SerialLine(Protocol):
    """An open serial line. `fileno()` may be polled; read returns b"" at the end of the guest or the line."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


class Host(Protocol):
    """One open connection to one host."""

    def close(self) -> None: ...
    def is_alive(self) -> bool: ...

    # observing
    def info(self) -> ObservedHost: ...
    def load(self) -> HostLoad: ...
    def offers(self, machine: str = "q35") -> HostOffers:
        """What definitions may ask of this host: firmwares, TPM, CPU models, buses."""

    def host_devices(self) -> list[HostDevice]:
        """PCI functions and USB devices that could be given to a guest, and which guest has them. Empty where libvirt cannot tell."""

    def guest_states(self) -> list[GuestState]:
        """Every guest of the host in one bulk call."""

    def guest_state(self, uuid: UUID) -> GuestState | None: ...
    def guest(self, uuid: UUID) -> ObservedGuest | None: ...
    def guest_xml(self, uuid: UUID) -> str: ...
    def guest_stats(self) -> list[GuestStats]:
        """Counters of every running guest. About 3 ms per running guest: never on the state loop."""

    def guest_addresses(self, uuid: UUID) -> list[str]:
        """From the agent, else from leases. An agent may lie: bounded in time, count and length, checked to be addresses."""

    def subscribe(self, on_event: Callable[[HostEvent], None]) -> AbstractContextManager[None]:
        """Deliver events on a libvirt thread: the callback may only put them on a queue. Not replayed after a reconnect."""

    # guests
    def define_guest(self, spec: GuestSpec) -> None:
        """Define, or redefine when the uuid exists. Validated against libvirt's schema and our allow-list first."""

    def undefine_guest(self, uuid: UUID) -> None:
        """Remove the definition with NVRAM, saved state and snapshot records; a running guest is left running and transient."""

    def start_guest(self, uuid: UUID) -> None:
        """A guest that is paused or crashed counts as started and is left as it is: resume it, or force it off first."""

    def shutdown_guest(self, uuid: UUID) -> None:
        """Ask the guest (agent when connected, else ACPI). Returns at once; the guest may ignore it."""

    def reboot_guest(self, uuid: UUID) -> None: ...
    def reset_guest(self, uuid: UUID) -> None: ...
    def force_off_guest(self, uuid: UUID) -> None: ...
    def suspend_guest(self, uuid: UUID) -> None: ...
    def resume_guest(self, uuid: UUID) -> None: ...
    def set_autostart(self, uuid: UUID, *, enabled: bool) -> None: ...
    def resize_guest(self, uuid: UUID, *, vcpus: int | None, memory_mib: int | None) -> None:
        """Change the definition, and of it only these; None: as it is. A running guest keeps its size until it is started anew."""

    # definitions
    def definition(self, uuid: UUID) -> GuestDefinition:
        """The definition in our own words, with what we do not model named in `foreign`, and its digest for `expected_digest`."""

    def pending_changes(self, uuid: UUID) -> tuple[Change, ...]:
        """What the definition of a running guest says and the running guest gets at its next start. Empty for a stopped one."""

    def change_guest(self, uuid: UUID, spec: GuestSpec, *, expected_digest: str = "") -> None:
        """Make the definition what `spec` says; what an administrator added with virsh edit survives. Only the definition: a running guest
        has it at its next start. Conflict when the digest is not the expected one; autostart is a call of its own."""

    def check_guest_xml(self, uuid: UUID, xml: str, *, host_devices: tuple[HostDeviceSpec, ...] = ()) -> GuestDefinition:
        """Hand-written XML through the allow-list: Refused names every part that is not allowed and was not there before."""

    def define_guest_xml(self, uuid: UUID, xml: str, *, expected_digest: str = "", host_devices: tuple[HostDeviceSpec, ...] = ()) -> None:
        """check_guest_xml, then define. uuid and name must stay."""

    def rename_guest(self, uuid: UUID, name: str) -> None:
        """A stopped guest only. Everything of ours is found by uuid, so nothing else changes."""

    # changes of a guest, running or stopped: in the running guest where that can be, and in its definition. See ChangeResult.
    def attach_disk(self, uuid: UUID, disk: DiskSpec) -> ChangeResult:
        """Already there with the same file: Took.ALREADY; another one at this target: AlreadyExists. The file must lie in a pool."""

    def detach_disk(self, uuid: UUID, target: str, *, timeout_s: float = 10.0) -> ChangeResult:
        """Took.WAITING_FOR_GUEST when the guest does not let go in time (5 s more on libvirt): its file must not be deleted then."""

    def change_disk(self, uuid: UUID, disk: DiskSpec) -> ChangeResult:
        """Limits at once; bus, cache, discard, io, boot order and the like at the next start. The file stays."""

    def grow_disk(self, uuid: UUID, target: str, capacity_bytes: int) -> ChangeResult:
        """Always at once, running or stopped. Smaller than it is: Refused."""

    def insert_media(self, uuid: UUID, target: str, path: str) -> ChangeResult: ...
    def eject_media(self, uuid: UUID, target: str) -> ChangeResult:
        """Empty the CD-ROM drive `target`, in the running guest and in its definition. An empty drive is fine."""

    def attach_nic(self, uuid: UUID, nic: NicSpec) -> ChangeResult: ...
    def detach_nic(self, uuid: UUID, mac: str, *, timeout_s: float = 10.0) -> ChangeResult: ...
    def change_nic(self, uuid: UUID, nic: NicSpec) -> ChangeResult:
        """Found by its MAC. Network, link, bandwidth and filter at once; model, MTU and boot order at the next start."""

    def attach_host_device(self, uuid: UUID, device: HostDeviceSpec) -> ChangeResult: ...
    def detach_host_device(self, uuid: UUID, device: HostDeviceSpec, *, timeout_s: float = 10.0) -> ChangeResult: ...
    def set_vcpus(self, uuid: UUID, vcpus: int, *, maximum: int | None = None) -> ChangeResult:
        """At once up to the running guest's maximum. The definition gets this number and this maximum (None: the number)."""

    def set_memory(self, uuid: UUID, memory_mib: int, *, maximum_mib: int | None = None) -> ChangeResult: ...
    def set_balloon(self, uuid: UUID, memory_mib: int) -> ChangeResult:
        """For the running guest only, until it stops: ask it to give memory back, or let it have more again, up to its maximum."""

    # snapshots: see docs/decisions/0014-snapshots.md
    def snapshots(self, uuid: UUID) -> list[ObservedSnapshot]:
        """The tree, every parent before its children. About 1 ms per snapshot."""

    def snapshot_kind(self, uuid: UUID, spec: SnapshotSpec) -> Literal["internal", "external"]:
        """What create_snapshot would make; Refused, saying why, when it would refuse. Changes nothing."""

    def create_snapshot(self, uuid: UUID, spec: SnapshotSpec) -> TakenSnapshot:
        """A snapshot of that name is there already: it is the one. External: the guest's disks are on new files (`~` in their names)
        afterwards, running or not; UEFI variables and a TPM's state are in no snapshot."""

    def revert_snapshot(self, uuid: UUID, name: str, *, token: str, abandoned: tuple[str, ...] = ()) -> RevertedSnapshot:
        """Stop the guest and make it what it was, definition included; running again if its memory is in the snapshot. What its disks hold
        now is lost unless another snapshot has it. Disks added since are unplugged and unharmed. `token` (a job's, [a-z0-9]) makes it safe
        to call again; `abandoned`: the disk files that the guest was on before the first try, so that a second one can drop them too."""

    def delete_snapshot(self, uuid: UUID, name: str, *, on_progress: ProgressCallback = ...) -> None:
        """Keeps what the guest and its other snapshots hold: overlays are merged, running guest or not. Gone already: fine. Files that
        another branch or a linked clone needs stay until a later delete or tidy. What on_progress raises stops it; nothing is lost."""

    def tidy_snapshots(self, uuid: UUID, *, abandoned: Collection[str] = (), on_progress: ProgressCallback = ...) -> None:
        """Merge what nothing needs any more, as after the delete of a linked clone; drop those of `abandoned` that nothing needs."""

    # disks as a whole
    def disk_sizes(self, uuid: UUID) -> list[DiskSize]: ...
    def move_disk(self, uuid: UUID, target: str, *, pool: str, spec: VolumeSpec, on_progress: ProgressCallback = ...) -> ChangeResult:
        """Copy the disk into a new volume `spec` of `pool`, flat, and move the guest over, running or not. The old file stays for the
        caller to delete. Refused while there are snapshots. Called again after a crash, it goes on with a running copy or begins anew;
        what on_progress raises ends the copy and leaves the guest where it was."""

    def flatten_disk(self, uuid: UUID, target: str, *, on_progress: ProgressCallback = ...) -> ChangeResult:
        """Make the disk independent of the image or guest it was cloned from, running or not."""

    def disk_files(self, uuid: UUID) -> tuple[str, ...]:
        """Every file in the pools that belongs to the guest's disks: first files, overlays, saved memory. Not the bases below them."""

    # saved to disk
    def save_guest(self, uuid: UUID) -> None:
        """Write the memory to the host's disk and stop. start_guest goes on from there; a saved guest is left as it is."""

    def is_saved(self, uuid: UUID) -> bool: ...
    def forget_saved(self, uuid: UUID) -> None:
        """The next start is a cold one."""

    # the guest's agent, which may lie: 5 s, 64 KiB, text only. Refused when the guest is stopped, Unsupported or TimedOut without an answer
    def agent_is_ready(self, uuid: UUID) -> bool: ...
    def agent_info(self, uuid: UUID) -> AgentInfo: ...
    def agent_set_password(self, uuid: UUID, user: str, password: str) -> None: ...
    def agent_add_ssh_keys(self, uuid: UUID, user: str, keys: tuple[str, ...]) -> None:
        """Beside those that are there."""

    def agent_freeze(self, uuid: UUID) -> int:
        """Flush and stop the guest's writes; how many file systems. Always thaw again, and soon."""

    def agent_thaw(self, uuid: UUID) -> int: ...
    def agent_read_text(self, uuid: UUID, path: str) -> str:
        """A file inside the guest, its first 64 KiB, printable: such as /run/cloud-init/result.json."""

    def screenshot(self, uuid: UUID) -> bytes:
        """PNG of the display. QEMU writes PPM on old versions: converted here."""

    # consoles
    def open_display(self, uuid: UUID) -> int:
        """A connected socket to the guest's VNC server, as a file descriptor the caller owns (virDomainOpenGraphicsFD)."""

    def open_serial(self, uuid: UUID, *, take_over: bool) -> SerialLine: ...

    # storage
    def pools(self) -> list[ObservedPool]: ...
    def ensure_pool(self, spec: PoolSpec) -> ObservedPool:
        """Define, build and start the directory pool unless it exists."""

    def refresh_pool(self, pool: str) -> ObservedPool: ...
    def volumes(self, pool: str) -> list[ObservedVolume]: ...
    def volume(self, pool: str, name: str) -> ObservedVolume | None: ...
    def create_volume(self, pool: str, spec: VolumeSpec) -> ObservedVolume: ...
    def copy_volume(self, pool: str, source: str, spec: VolumeSpec, on_progress: ProgressCallback, *, to_pool: str = "") -> ObservedVolume:
        """A full, flat copy of `source` inside the pool, or in `to_pool`, grown to `spec.capacity_bytes`."""

    def upload_volume(self, pool: str, name: str, source: BinaryIO, length: int, on_progress: ProgressCallback) -> None:
        """Stream `length` bytes into an existing volume. The test driver has no content: there it only counts."""

    def download_volume(self, pool: str, name: str) -> Iterator[bytes]: ...
    def resize_volume(self, pool: str, name: str, capacity_bytes: int) -> None: ...
    def delete_volume(self, pool: str, name: str, *, while_busy: Callable[[], None] | None = None) -> None:
        """Idempotent: a volume that is not there is fine. One that is still being filled or read (a copy goes on when its worker is killed)
        is waited for, up to 15 minutes, and `while_busy` called meanwhile: what it raises ends the wait."""

    # networks
    def networks(self) -> list[ObservedNetwork]: ...
    def ensure_network(self, spec: NetworkSpec) -> ObservedNetwork: ...
    def leases(self, network: str) -> list[Lease]: ...


class Connector(Protocol):
    """How the worker, the watcher and the tests get a Host. Raises HostUnreachable within `timeout_s`."""

    def __call__(self, address: HostAddress, *, timeout_s: float = 10.0) -> Host: ...
