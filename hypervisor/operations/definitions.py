"""Changing a whole definition, from a GuestSpec or from XML; sizes, which a running guest may take at once; and what waits for a start."""

from __future__ import annotations

from uuid import UUID

from lxml import etree

from hypervisor.changes import Change, pending
from hypervisor.errors import Conflict, Refused
from hypervisor.operations.devices import DeviceOperations
from hypervisor.operations.primitives import GuestPrimitives
from hypervisor.outcomes import ChangeResult, Took
from hypervisor.specs import GuestSpec, HostDeviceSpec
from hypervisor.xml.allowlist import check_guest
from hypervisor.xml.definition import GuestDefinition, parse_definition, parse_spec
from hypervisor.xml.edits import edit_guest, edit_memory, edit_vcpus
from hypervisor.xml.guest import digest_of
from hypervisor.xml.machine import parse_sizes
from hypervisor.xml.safe import parse_xml, text_at, to_text


class DefinitionOperations(DeviceOperations, GuestPrimitives):
    def definition(self, uuid: UUID) -> GuestDefinition:
        return parse_definition(to_text(self._told_definition(uuid)), autostart=self._has_autostart(uuid))

    def pending_changes(self, uuid: UUID) -> tuple[Change, ...]:
        live = self._live(uuid)
        if live is None or not self._is_persistent(uuid):
            return ()
        return pending(to_text(live), to_text(self._told_definition(uuid)))

    def change_guest(self, uuid: UUID, spec: GuestSpec, *, expected_digest: str = "") -> None:
        definition = self._unchanged(uuid, expected_digest)
        before = parse_spec(definition)
        if before.name != spec.name:
            raise Refused("A guest is renamed by rename_guest, while it is stopped.")
        there = parse_xml(to_text(definition))
        edit_guest(definition, spec, virt_type=self._virt_type())
        check_guest(
            definition,
            pool_paths=self._pool_paths(),
            trusted_files=self._trusted_files(),
            host_devices=spec.host_devices,
            already_there=there,
        )
        if digest_of(definition) != digest_of(there):
            self._define(definition)

    def check_guest_xml(self, uuid: UUID, xml: str, *, host_devices: tuple[HostDeviceSpec, ...] = ()) -> GuestDefinition:
        new = self._acceptable(uuid, xml, host_devices)
        return parse_definition(to_text(new))

    def define_guest_xml(self, uuid: UUID, xml: str, *, expected_digest: str = "", host_devices: tuple[HostDeviceSpec, ...] = ()) -> None:
        new = self._acceptable(uuid, xml, host_devices)
        self._unchanged(uuid, expected_digest)
        self._define(new)

    def _acceptable(self, uuid: UUID, xml: str, host_devices: tuple[HostDeviceSpec, ...]) -> etree._Element:
        new, there = parse_xml(xml), self._definition(uuid)
        if text_at(new, "uuid") != str(uuid):
            raise Refused(f"The XML must keep the guest's uuid, {uuid}.")
        if text_at(new, "name") != text_at(there, "name"):
            raise Refused("The XML must keep the guest's name on the host. Rename the guest instead, while it is stopped.")
        check_guest(new, pool_paths=self._pool_paths(), trusted_files=self._trusted_files(), host_devices=host_devices, already_there=there)
        return new

    def _unchanged(self, uuid: UUID, expected_digest: str) -> etree._Element:
        """A plan made for another definition than the present one is refused."""
        if expected_digest and digest_of(self._told_definition(uuid)) != expected_digest:
            raise Conflict("The guest's definition has changed since this was planned. Look at it again.")
        return self._definition(uuid)

    # sizes
    def set_vcpus(self, uuid: UUID, vcpus: int, *, maximum: int | None = None) -> ChangeResult:
        live, took, note = self._live(uuid), Took.ALREADY, ""
        if live is not None:
            running = parse_sizes(live)
            if vcpus > (running["vcpus_max"] or running["vcpus"] or 0):
                took, note = Took.NEXT_BOOT, f"The running guest can have {running['vcpus_max'] or running['vcpus']} vCPUs at most."
            elif vcpus != running["vcpus"]:
                took, note = self._try_now(lambda: self._set_live_vcpus(uuid, vcpus), refused_is_next_boot=True)
        return self._edited(uuid, lambda definition: edit_vcpus(definition, vcpus, maximum=maximum or vcpus), took, note)

    def set_memory(self, uuid: UUID, memory_mib: int, *, maximum_mib: int | None = None) -> ChangeResult:
        live, took, note = self._live(uuid), Took.ALREADY, ""
        if live is not None:
            running = parse_sizes(live)
            if memory_mib > (running["memory_max_mib"] or running["memory_mib"] or 0):
                most = running["memory_max_mib"] or running["memory_mib"]
                took, note = Took.NEXT_BOOT, f"The running guest can have {most} MiB at most."
            elif memory_mib != running["memory_mib"]:
                took, note = self._try_now(lambda: self._set_live_memory(uuid, memory_mib), refused_is_next_boot=True)
        return self._edited(uuid, lambda definition: edit_memory(definition, memory_mib, maximum_mib=maximum_mib or memory_mib), took, note)

    def set_balloon(self, uuid: UUID, memory_mib: int) -> ChangeResult:
        live = self._live(uuid)
        if live is None:
            raise Refused("The memory balloon is set on a running guest only. Start it first.")
        running = parse_sizes(live)
        if memory_mib > (running["memory_max_mib"] or running["memory_mib"] or 0):
            raise Refused(
                f"The balloon cannot give more than the {running['memory_max_mib'] or running['memory_mib']} MiB that the guest has."
            )
        if memory_mib == running["memory_mib"]:
            return ChangeResult(Took.ALREADY)
        self._set_live_memory(uuid, memory_mib)
        return ChangeResult(Took.NOW, "The guest gives memory back as its own system allows; it may take a while.")
