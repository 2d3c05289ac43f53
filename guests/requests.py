"""What is asked for: frozen values with rows the caller found with `visible_to`. Checking them is `guests.services.checks`' business."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from hosts.models import Host
from networks.models import Network
from storage.models import Image

if TYPE_CHECKING:
    from guests.models import Guest
    from jobs.models import Job


@dataclass(frozen=True, slots=True)
class CloudInitRequest:
    """Login for the first boot: either the short fields, or a whole `user_data`. `repr` hides the secrets."""

    hostname: str = ""
    user: str = ""
    ssh_keys: tuple[str, ...] = ()
    password: str = field(default="", repr=False)
    user_data: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CreateGuest:
    """`networks` empty: the host's default network. `disk_gib` 0: as large as the image. `host` None: we choose."""

    name: str
    image: Image
    vcpus: int = 1
    memory_mib: int = 1024
    disk_gib: int = 0
    count: int = 1
    clone_mode: Literal["overlay", "full"] = "overlay"
    networks: tuple[Network, ...] = ()
    cloud_init: CloudInitRequest | None = None
    host: Host | None = None
    start: bool = True
    tags: tuple[str, ...] = ()
    description: str = ""
    expires_at: datetime | None = None
    autostart: bool = False


@dataclass(frozen=True, slots=True)
class CreatedGuests:
    """`job` makes the one guest, or watches over the jobs that make several."""

    guests: tuple[Guest, ...]
    job: Job
