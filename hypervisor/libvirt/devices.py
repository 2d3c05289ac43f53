"""libvirt's side of changing guests: the primitives that `hypervisor.operations` is built on."""

from __future__ import annotations

from uuid import UUID

import libvirt
from lxml import etree

from hypervisor.errors import Refused, Unsupported
from hypervisor.libvirt.base import Connected, still_there
from hypervisor.libvirt.translate import is_code, translated
from hypervisor.operations.definitions import DefinitionOperations
from hypervisor.xml.guest import VirtType
from hypervisor.xml.pool import parse_pool
from hypervisor.xml.safe import parse_xml, text_at, to_text

LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
NVRAM_FOLDER = "/var/lib/libvirt/qemu/nvram"


class DeviceCalls(DefinitionOperations, Connected):
    def _virt_type(self) -> VirtType | None:
        return "test" if self.is_test_driver else None

    @translated
    def _definition(self, uuid: UUID) -> etree._Element:
        return parse_xml(self._guest(uuid).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))

    @translated
    def _told_definition(self, uuid: UUID) -> etree._Element:
        return parse_xml(self._guest(uuid).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

    @translated
    def _live(self, uuid: UUID) -> etree._Element | None:
        domain = self._guest(uuid)
        return parse_xml(domain.XMLDesc(0)) if domain.isActive() else None

    @translated
    def _is_persistent(self, uuid: UUID) -> bool:
        return bool(self._guest(uuid).isPersistent())

    @translated
    def _has_autostart(self, uuid: UUID) -> bool:
        domain = self._guest(uuid)
        return bool(domain.isPersistent() and domain.autostart())

    @translated
    def _define(self, definition: etree._Element) -> None:
        self._connection.defineXMLFlags(to_text(definition), libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    @translated
    def _plug(self, uuid: UUID, device: etree._Element) -> None:
        self._guest(uuid).attachDeviceFlags(to_text(device), LIVE)

    @translated
    def _unplug(self, uuid: UUID, device: etree._Element) -> None:
        try:
            self._guest(uuid).detachDeviceFlags(to_text(device), LIVE)
        except libvirt.libvirtError as error:
            text = error.get_error_message() or ""
            if not is_code(error, libvirt.VIR_ERR_DEVICE_MISSING) and "process of unplug" not in text:
                raise

    @translated
    def _replug(self, uuid: UUID, device: etree._Element) -> None:
        flags = LIVE | (libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE if device.tag == "disk" else 0)
        self._guest(uuid).updateDeviceFlags(to_text(device), flags)

    @translated
    def _limit_disk(self, uuid: UUID, target: str, limits: dict[str, int]) -> None:
        self._guest(uuid).setBlockIoTune(target, limits, LIVE)

    @translated
    def _set_live_vcpus(self, uuid: UUID, vcpus: int) -> None:
        self._guest(uuid).setVcpusFlags(vcpus, LIVE)

    @translated
    def _set_live_memory(self, uuid: UUID, memory_mib: int) -> None:
        self._guest(uuid).setMemoryFlags(memory_mib * 1024, LIVE)

    @translated
    def _grow_live_disk(self, uuid: UUID, target: str, capacity_bytes: int) -> None:
        self._guest(uuid).blockResize(target, capacity_bytes, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    @translated
    def _disk_capacity(self, uuid: UUID, target: str) -> int:
        if self.is_test_driver:
            raise Unsupported("libvirt's test driver cannot tell the size of a disk.")
        return int(self._guest(uuid).blockInfo(target)[0])

    @translated
    def _grow_file(self, path: str, capacity_bytes: int) -> None:
        self._connection.storageVolLookupByPath(path).resize(capacity_bytes, 0)

    @translated
    def _pool_paths(self) -> list[str]:
        return still_there(lambda pool: parse_pool(pool.XMLDesc(0)).path, self._connection.listAllStoragePools(0))

    @translated
    def _trusted_files(self) -> list[str]:
        if self.is_test_driver:
            return []
        offered = parse_xml(self._connection.getDomainCapabilities(None, "x86_64", None, None, 0))
        emulator = text_at(offered, "path")
        loaders = [text_at(loader, ".") for loader in offered.findall("os/loader/value")]
        # The variable stores' templates lie beside the code files and are named alike.
        templates = [loader.replace("OVMF_CODE", "OVMF_VARS").replace(".secboot", ".ms") for loader in loaders]
        plain = [loader.replace("OVMF_CODE", "OVMF_VARS").replace(".secboot", "") for loader in loaders]
        return [emulator, *loaders, *templates, *plain, NVRAM_FOLDER]

    @translated
    def rename_guest(self, uuid: UUID, name: str) -> None:
        domain = self._guest(uuid)
        if domain.name() == name:
            return
        if domain.isActive():
            raise Refused("A running guest cannot be renamed on its host. Stop it first.")
        domain.rename(name, 0)
