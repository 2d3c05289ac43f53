"""The fake's side of moving and flattening disks, of saved states, and its guests' agents."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from uuid import UUID

from hypervisor.errors import Refused, Unsupported
from hypervisor.fake.calls import call
from hypervisor.fake.machine import FakeGuest, FakeVolume
from hypervisor.fake.snapshots import FakeSnapshots
from hypervisor.observed import AgentInfo, DiskSize, PowerState
from hypervisor.operations.disks import DiskOperations
from hypervisor.operations.snapshot_primitives import OnProgress
from hypervisor.specs import VolumeSpec
from hypervisor.xml.disk import find_disk
from hypervisor.xml.safe import attribute_at, parse_xml


class FakeDisks(DiskOperations, FakeSnapshots):
    def _make_copy_target(self, pool: str, spec: VolumeSpec) -> str:
        path = self._path_in(pool, spec.name)
        self._add_file(path, FakeVolume(spec, path, spec.capacity_bytes))
        return path

    def _path_in(self, pool: str, name: str) -> str:
        return posixpath.join(self.machine.pool(pool).spec.path, name)

    def _copy_running(self, uuid: UUID, target: str, path: str, volume_format: str, on_progress: OnProgress) -> None:
        guest = self.machine.guest(uuid)
        disk = find_disk(parse_xml(guest.live_xml or guest.xml), target)
        assert disk is not None
        source = self.machine.volume_at(attribute_at(disk, "source", "file"))
        on_progress(0, len(source.content))
        self.machine.volume_at(path).content = source.content
        on_progress(len(source.content), len(source.content))
        self._move_disk(guest, source.path, path)

    def _is_copying_to(self, uuid: UUID, target: str, path: str) -> bool:
        return False

    def _copy_stopped(self, source: str, pool: str, spec: VolumeSpec, on_progress: OnProgress) -> None:
        content = self.machine.volume_at(source).content
        on_progress(0, len(content))
        self.machine.volume_at(self._make_copy_target(pool, spec)).content = content
        on_progress(len(content), len(content))

    def _pull(self, uuid: UUID, target: str | None, leaf: str, on_progress: OnProgress) -> None:
        volume = self.machine.volume_at(leaf)
        on_progress(0, 1)
        volume.spec = replace(volume.spec, backing_path="", backing_format="")
        on_progress(1, 1)

    def _disk_sizes(self, uuid: UUID) -> list[DiskSize]:
        guest, sizes = self.machine.guest(uuid), []
        for disk in parse_xml(guest.live_xml or guest.xml).findall("devices/disk"):
            path = attribute_at(disk, "source", "file")
            if disk.get("device") == "disk" and path:
                volume = self.machine.volume_at(path)
                sizes.append(DiskSize(attribute_at(disk, "target", "dev"), volume.capacity_bytes, len(volume.content), len(volume.content)))
        return sizes

    # saved to disk
    @call
    def save_guest(self, uuid: UUID) -> None:
        guest = self.machine.guest(uuid)
        if guest.is_active:
            guest.is_saved = True
            self.machine.set_power(guest, PowerState.SHUTOFF)
        elif not guest.is_saved:
            raise Refused("A stopped guest has no state to save. Start it first.")

    @call
    def is_saved(self, uuid: UUID) -> bool:
        return self.machine.guest(uuid).is_saved

    @call
    def forget_saved(self, uuid: UUID) -> None:
        self.machine.guest(uuid).is_saved = False

    # the agent
    @call
    def agent_is_ready(self, uuid: UUID) -> bool:
        guest = self.machine.guest(uuid)
        return guest.is_active and guest.is_agent_connected

    @call
    def agent_info(self, uuid: UUID) -> AgentInfo:
        return self._with_agent(uuid).agent.info

    @call
    def agent_set_password(self, uuid: UUID, user: str, password: str) -> None:
        self._with_agent(uuid).agent.passwords[user] = password

    @call
    def agent_add_ssh_keys(self, uuid: UUID, user: str, keys: tuple[str, ...]) -> None:
        there = self._with_agent(uuid).agent.ssh_keys
        there[user] = list(dict.fromkeys([*there.get(user, []), *keys]))

    @call
    def agent_freeze(self, uuid: UUID) -> int:
        self._with_agent(uuid).agent.is_frozen = True
        return 1

    @call
    def agent_thaw(self, uuid: UUID) -> int:
        self._with_agent(uuid).agent.is_frozen = False
        return 1

    @call
    def agent_read_text(self, uuid: UUID, path: str) -> str:
        files = self._with_agent(uuid).agent.files
        if path not in files:
            raise Refused(f"Failed to open file '{path}': No such file or directory")
        return files[path]

    def _with_agent(self, uuid: UUID) -> FakeGuest:
        guest = self.machine.guest(uuid)
        if not guest.is_active:
            raise Refused("The guest is not running, so its agent cannot be asked. Start it first.")
        if not guest.is_agent_connected:
            raise Unsupported("QEMU guest agent is not connected")
        return guest
