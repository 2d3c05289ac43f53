"""The host itself: facts, load, and whether hardware virtualisation really works there."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import libvirt
from lxml import etree

from hypervisor.libvirt.base import Connected
from hypervisor.libvirt.translate import is_code, translated
from hypervisor.observed import HostDevice, HostLoad, HostOffers, ObservedHost
from hypervisor.specs import HostDeviceSpec
from hypervisor.xml.capabilities import HostCapabilities, parse_capabilities, parse_offers
from hypervisor.xml.host_device import host_device, is_part_of_the_board, parse_host_device, parse_node_device
from hypervisor.xml.safe import parse_xml

SLOW_PROBE_S = 5.0
VIRTUALISATION_FLAGS = {"vmx", "svm"}

Acceleration = Literal["kvm", "qemu", "none"]
_HARDWARE: Acceleration = "kvm"
_EMULATION: Acceleration = "qemu"


class NodeCalls(Connected):
    @translated
    def info(self) -> ObservedHost:
        connection = self._connection
        started = time.monotonic()
        text = connection.getCapabilities()
        probe_s = time.monotonic() - started
        capabilities = parse_capabilities(text)
        load = self.load()
        # Its memory is wrong on machines whose NUMA tables are partial; the memory statistics are right.
        model, _memory_mib, cpus, mhz, nodes, sockets, cores, threads = connection.getInfo()
        if self.is_test_driver:
            acceleration, reason = acceleration_of_test_driver()
        else:
            acceleration, reason = acceleration_of(capabilities.virt_types, self._cpu_flags(text, capabilities), probe_s=probe_s)
        return ObservedHost(
            hostname=connection.getHostname(),
            host_uuid=capabilities.host_uuid,
            driver=self._driver,
            libvirt_version=_version(connection.getLibVersion()),
            hypervisor_version=_version(connection.getVersion()),
            architecture=capabilities.architecture or str(model),
            cpu_model=capabilities.cpu_model or str(model),
            cpu_sockets=sockets * nodes,
            cpu_cores=cores,
            cpu_threads=threads,
            cpus=cpus,
            cpu_mhz=mhz,
            numa_nodes=capabilities.numa_nodes,
            memory_mib=load.memory_total_mib,
            memory_free_mib=load.memory_free_mib,
            acceleration=acceleration,
            acceleration_reason=reason,
            machines=capabilities.machines,
        )

    @translated
    def offers(self, machine: str = "q35") -> HostOffers:
        if self.is_test_driver:
            return HostOffers(("bios",), False, ("maximum",), (), ("vga",), ("virtio", "sata", "scsi"), 32)
        arch = "aarch64" if machine == "virt" else "x86_64"
        return parse_offers(self._connection.getDomainCapabilities(None, arch, machine, None, 0))

    @translated
    def host_devices(self) -> list[HostDevice]:
        if self.is_test_driver:
            return []
        wanted = libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_DEV
        try:
            listed = self._connection.listAllDevices(wanted)
        except libvirt.libvirtError as error:
            if is_code(error, libvirt.VIR_ERR_NO_SUPPORT):
                return []  # a libvirt without its node device driver, or without udev
            raise
        users = self._users_of_host_devices()
        facts = [parse_node_device(device.XMLDesc(0)) for device in listed]
        return [host_device(one, users) for one in facts if one is not None and not is_part_of_the_board(one)]

    def _users_of_host_devices(self) -> list[tuple[HostDeviceSpec, UUID]]:
        found = []
        for domain in self._connection.listAllDomains(0):
            for hostdev in parse_xml(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)).findall("devices/hostdev"):
                device = parse_host_device(hostdev)
                if device is not None:
                    found.append((device, UUID(bytes=domain.UUID())))
        return found

    @translated
    def load(self) -> HostLoad:
        connection = self._connection
        memory: dict[str, int] = {}
        cpu: dict[str, int] = {}
        with suppress(libvirt.libvirtError):
            memory = connection.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS, 0)
        with suppress(libvirt.libvirtError):
            cpu = connection.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS, 0)
        if memory and not self.is_test_driver:
            # Caches are given back when a guest needs memory, so they count as free.
            free_mib = (memory.get("free", 0) + memory.get("buffers", 0) + memory.get("cached", 0)) // 1024
            total_mib = memory.get("total", 0) // 1024
        else:
            free_mib = total_mib = connection.getInfo()[1]  # the test driver's statistics are in no unit that fits
        busy = cpu.get("kernel", 0) + cpu.get("user", 0)
        return HostLoad(
            memory_free_mib=free_mib,
            memory_total_mib=total_mib,
            cpu_busy_ns=busy,
            cpu_total_ns=busy + cpu.get("idle", 0) + cpu.get("iowait", 0),
        )

    def _cpu_flags(self, text: str, capabilities: HostCapabilities) -> set[str]:
        if self._is_local:
            return _local_cpu_flags()
        flags = set(capabilities.cpu_features)
        cpu = parse_xml(text).find("host/cpu")
        if cpu is not None and not flags & VIRTUALISATION_FLAGS:
            flags |= _features_of_model(self._connection, cpu)
        return flags


def acceleration_of_test_driver() -> tuple[Acceleration, str]:
    return "none", "This is libvirt's test driver: its guests are imaginary."


def acceleration_of(virt_types: Collection[str], cpu_flags: Collection[str], *, probe_s: float) -> tuple[Acceleration, str]:
    """kvm only where the processor has it too: libvirt offers kvm as soon as /dev/kvm opens, and guests then hang on it."""
    if "kvm" not in virt_types:
        acceleration, reason = _EMULATION, "Software emulation: slow. libvirt finds no usable /dev/kvm on this host."
    elif not VIRTUALISATION_FLAGS & set(cpu_flags):
        acceleration, reason = (
            _EMULATION,
            (
                "Software emulation: slow. /dev/kvm exists, but the processor shows neither vmx nor svm, so guests would hang on it. "
                "Turn virtualisation on in the firmware, or nested virtualisation on the machine below."
            ),
        )
    else:
        acceleration, reason = _HARDWARE, "Hardware virtualisation: the processor has it and libvirt offers it."
    if probe_s > SLOW_PROBE_S:
        reason += (
            f" Asking libvirt for its capabilities took {probe_s:.0f} s, as happens when /dev/kvm exists but does not work: "
            "start libvirtd with /dev/kvm hidden, or every definition takes as long."
        )
    return acceleration, reason


def _local_cpu_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()


def _features_of_model(connection: Any, cpu: Any) -> set[str]:
    """A model such as EPYC has svm without naming it; libvirt knows what each model stands for."""
    with suppress(libvirt.libvirtError):
        expanded = connection.baselineCPU([etree.tostring(cpu, encoding="unicode")], libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES)
        return {str(feature.get("name")) for feature in parse_xml(expanded).findall("feature")}
    return set()


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
