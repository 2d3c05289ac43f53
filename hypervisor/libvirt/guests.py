"""Guests: the bulk state call, definitions, power, displays. Serial lines are made in `serial`, statistics in `stats`."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from functools import lru_cache
from typing import Any
from uuid import UUID

import libvirt

from hypervisor.errors import NotFoundOnHost, Refused, Unsupported
from hypervisor.libvirt.agent import AGENT_LIMIT_S, AgentCalls
from hypervisor.libvirt.base import HELPER_PREFIX, KEEPALIVE_COUNT, KEEPALIVE_INTERVAL_S
from hypervisor.libvirt.disks import DiskCalls
from hypervisor.libvirt.serial import StreamLine
from hypervisor.libvirt.states import POWER_STATES
from hypervisor.libvirt.stats import stats_of
from hypervisor.libvirt.translate import is_code, translated, translated_error
from hypervisor.observed import GuestState, GuestStats, ObservedGuest
from hypervisor.picture import to_png
from hypervisor.port import SerialLine
from hypervisor.specs import GuestSpec
from hypervisor.xml.allowlist import check_guest
from hypervisor.xml.guest import build_guest, edit_size, parse_guest
from hypervisor.xml.safe import parse_xml, to_text

MAX_ADDRESSES = 64
MAX_SCREENSHOT_BYTES = 64 * 1024 * 1024

_UNDEFINE_FLAGS = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)
_TEST_DRIVER_UNDEFINE_FLAGS = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA


@lru_cache(maxsize=32768)
def _uuid_of(raw: bytes) -> UUID:
    """The same ones at every look: making them anew was a quarter of the bulk state call's time."""
    return UUID(bytes=raw)


class GuestCalls(DiskCalls, AgentCalls):
    @translated
    def guest_states(self) -> list[GuestState]:
        # name() and UUID() read what the one bulk answer brought along: no further round trip.
        return [
            GuestState(_uuid_of(domain.UUID()), domain.name(), POWER_STATES[facts["state.state"]], facts["state.reason"])
            for domain, facts in self._connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)
            if not domain.name().startswith(HELPER_PREFIX)
        ]

    def guest_state(self, uuid: UUID) -> GuestState | None:
        try:
            domain = self._guest(uuid)
            with_reason = translated(domain.state)()
        except NotFoundOnHost:
            return None
        return GuestState(uuid, domain.name(), POWER_STATES[with_reason[0]], with_reason[1])

    def guest(self, uuid: UUID) -> ObservedGuest | None:
        try:
            return self._observe(self._guest(uuid))
        except NotFoundOnHost:
            return None

    @translated
    def _observe(self, domain: Any) -> ObservedGuest:
        is_running, is_persistent = bool(domain.isActive()), bool(domain.isPersistent())
        return parse_guest(
            domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE),
            live=domain.XMLDesc(0) if is_running else "",
            is_persistent=is_persistent,
            autostart=is_persistent and bool(domain.autostart()),
            is_running=is_running,
        )

    @translated
    def guest_xml(self, uuid: UUID) -> str:
        return str(self._guest(uuid).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

    @translated
    def guest_stats(self) -> list[GuestStats]:
        return stats_of(self._connection)

    def guest_addresses(self, uuid: UUID) -> list[str]:
        domain = self._guest(uuid)
        _limit_agent(domain)
        for source in (libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE):
            with suppress(libvirt.libvirtError):  # no agent, not running, not on a network of ours: no addresses from there
                found = _addresses(domain.interfaceAddresses(source))
                if found:
                    return found
        return []

    @translated
    def define_guest(self, spec: GuestSpec) -> None:
        text = to_text(build_guest(spec, virt_type="test" if self.is_test_driver else None))
        check_guest(parse_xml(text), pool_paths=self._pool_paths(), host_devices=spec.host_devices)
        self._connection.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    def undefine_guest(self, uuid: UUID) -> None:
        flags = _TEST_DRIVER_UNDEFINE_FLAGS if self.is_test_driver else _UNDEFINE_FLAGS
        try:
            domain = self._guest(uuid)
            if domain.isPersistent():
                domain.undefineFlags(flags)
        except NotFoundOnHost:
            return
        except libvirt.libvirtError as error:
            if not is_code(error, libvirt.VIR_ERR_NO_DOMAIN):
                raise translated_error(error) from error

    def start_guest(self, uuid: UUID) -> None:
        self._unless_already(uuid, "create", lambda domain: bool(domain.isActive()))

    @translated
    def shutdown_guest(self, uuid: UUID) -> None:
        domain = self._guest(uuid)
        if domain.isActive():
            _limit_agent(domain)
            domain.shutdownFlags(0)  # libvirt asks the agent when it is connected and falls back to ACPI

    @translated
    def reboot_guest(self, uuid: UUID) -> None:
        domain = self._guest(uuid)
        _limit_agent(domain)
        domain.reboot(0)

    @translated
    def reset_guest(self, uuid: UUID) -> None:
        self._guest(uuid).reset(0)

    def force_off_guest(self, uuid: UUID) -> None:
        self._unless_already(uuid, "destroy", lambda domain: not domain.isActive())

    def suspend_guest(self, uuid: UUID) -> None:
        self._unless_already(uuid, "suspend", lambda domain: domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED)

    def resume_guest(self, uuid: UUID) -> None:
        self._unless_already(uuid, "resume", lambda domain: domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING)

    @translated
    def set_autostart(self, uuid: UUID, *, enabled: bool) -> None:
        self._guest(uuid).setAutostart(int(enabled))

    @translated
    def resize_guest(self, uuid: UUID, *, vcpus: int | None, memory_mib: int | None) -> None:
        definition = self._definition(uuid)
        edit_size(definition, vcpus=vcpus, memory_mib=memory_mib)
        self._define(definition)

    # saved to disk
    @translated
    def save_guest(self, uuid: UUID) -> None:
        domain = self._guest(uuid)
        if domain.isActive():
            domain.managedSave(0)
        elif not domain.hasManagedSaveImage(0):
            raise Refused("A stopped guest has no state to save. Start it first.")

    @translated
    def is_saved(self, uuid: UUID) -> bool:
        return bool(self._guest(uuid).hasManagedSaveImage(0))

    @translated
    def forget_saved(self, uuid: UUID) -> None:
        domain = self._guest(uuid)
        if domain.hasManagedSaveImage(0):
            domain.managedSaveRemove(0)

    @translated
    def screenshot(self, uuid: UUID) -> bytes:
        stream = self._connection.newStream(0)
        self._guest(uuid).screenshot(stream, 0, 0)
        picture = bytearray()
        while chunk := stream.recv(256 * 1024):
            picture += chunk
            if len(picture) > MAX_SCREENSHOT_BYTES:
                stream.abort()
                raise Refused("The guest's screen is larger than 64 MiB.")
        stream.finish()
        return to_png(bytes(picture))

    @translated
    def open_display(self, uuid: UUID) -> int:
        return int(self._guest(uuid).openGraphicsFD(0, 0))

    @translated
    def open_serial(self, uuid: UUID, *, take_over: bool) -> SerialLine:
        if self.is_test_driver:
            raise Unsupported("libvirt's test driver has no serial lines.")
        own = libvirt.open(self._connection.getURI())
        try:
            own.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
            stream = own.newStream(libvirt.VIR_STREAM_NONBLOCK)
            own.lookupByUUID(uuid.bytes).openConsole(None, stream, libvirt.VIR_DOMAIN_CONSOLE_FORCE if take_over else 0)
            return StreamLine(stream, own)
        except BaseException:
            own.close()
            raise

    @translated
    def _unless_already(self, uuid: UUID, verb: str, is_already: Any) -> None:
        """Do it, and when libvirt refuses, ask whether it is so already: one call where all is well, and no race in between."""
        domain = self._guest(uuid)
        try:
            getattr(domain, verb)()
        except libvirt.libvirtError as error:
            if is_code(error, libvirt.VIR_ERR_NO_DOMAIN) or not is_already(domain):
                raise


def _limit_agent(domain: Any) -> None:
    with suppress(libvirt.libvirtError):
        domain.agentSetResponseTimeout(AGENT_LIMIT_S, 0)


def _addresses(interfaces: dict[str, Any]) -> list[str]:
    """An agent may say anything: only what is an address counts, and not many of them."""
    found: list[str] = []
    for interface in interfaces.values():
        for entry in (interface.get("addrs") or [])[:MAX_ADDRESSES]:
            with suppress(ValueError, TypeError, KeyError):
                address = ipaddress.ip_address(entry["addr"])
                if not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified):
                    found.append(str(address))
    return list(dict.fromkeys(found))[:MAX_ADDRESSES]
