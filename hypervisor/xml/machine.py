"""What a guest's board is: firmware, processor, memory, clock, placement. Built from a GuestSpec and read back; devices are elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from lxml import etree

from hypervisor.specs import CpuSpec, Firmware, GuestSpec, NumaCell, Topology, VcpuPin
from hypervisor.xml.element import E
from hypervisor.xml.safe import attribute_at, size_at, text_at

LIBOSINFO = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
_SYSTEM = f"{{{LIBOSINFO}}}libosinfo/{{{LIBOSINFO}}}os"
ARCHITECTURES = {"q35": "x86_64", "pc": "x86_64", "virt": "aarch64"}

ENLIGHTENMENTS = ("relaxed", "vapic", "vpindex", "runtime", "synic", "stimer", "frequencies")
"""What Windows gains from believing that it runs on Hyper-V; all without state that would hinder a migration."""


def build_metadata(system: str) -> etree._Element:
    metadata = E.metadata()
    outer = etree.SubElement(metadata, f"{{{LIBOSINFO}}}libosinfo", nsmap={"libosinfo": LIBOSINFO})
    etree.SubElement(outer, f"{{{LIBOSINFO}}}os", id=system)
    return metadata


def build_memory(spec: GuestSpec) -> Iterator[etree._Element]:
    yield E.memory(str(spec.memory_max_mib or spec.memory_mib), unit="MiB")
    yield E.currentMemory(str(spec.memory_mib), unit="MiB")
    if spec.hugepages_kib:
        yield E.memoryBacking(E.hugepages(E.page(size=str(spec.hugepages_kib), unit="KiB")))


def build_vcpu(spec: GuestSpec) -> Iterator[etree._Element]:
    vcpu = E.vcpu(str(spec.vcpus_max or spec.vcpus), placement="static")
    if spec.vcpus_max and spec.vcpus_max != spec.vcpus:
        vcpu.set("current", str(spec.vcpus))
    yield vcpu
    if spec.iothreads:
        yield E.iothreads(str(spec.iothreads))
    pins = [E.vcpupin(vcpu=str(pin.vcpu), cpuset=pin.cpus) for pin in spec.vcpu_pins]
    if spec.emulator_cpus:
        pins.append(E.emulatorpin(cpuset=spec.emulator_cpus))
    if pins:
        yield E.cputune(*pins)
    nodes = [
        E.memnode(cellid=str(index), mode="strict", nodeset=cell.host_nodes) for index, cell in enumerate(spec.numa) if cell.host_nodes
    ]
    if nodes:
        yield E.numatune(*nodes)


def build_os(spec: GuestSpec) -> etree._Element:
    os = E.os(E.type("hvm", arch=ARCHITECTURES[spec.machine], machine=spec.machine))
    if spec.firmware != "bios":
        # libvirt picks files with these features and makes the guest a variable store of its own.
        is_secure = "yes" if spec.firmware == "uefi-secure" else "no"
        os.set("firmware", "efi")
        if spec.machine != "virt":
            os.append(E.firmware(E.feature(enabled=is_secure, name="secure-boot"), E.feature(enabled=is_secure, name="enrolled-keys")))
        if spec.firmware == "uefi-secure":
            os.append(E.loader(secure="yes"))  # libvirt 9.0 refuses a "no" beside firmware="efi"
    orders = [*(disk.boot_order for disk in spec.disks), *(nic.boot_order for nic in spec.nics)]
    if not any(orders):
        # libvirt refuses <boot dev> beside <boot order>; without both the firmware's own order applies, which starts with the network.
        os.append(E.boot(dev="hd"))
    if spec.has_boot_menu:
        os.append(E.bootmenu(enable="yes", timeout="5000"))
    return os


def build_features(spec: GuestSpec) -> etree._Element:
    if spec.machine == "virt":
        return E.features(E.acpi(), E.gic(version="3" if spec.acceleration == "qemu" else "host"))
    features = E.features(E.acpi(), E.apic())
    if spec.has_hyperv:
        hyperv = E.hyperv(*(E(name, state="on") for name in ENLIGHTENMENTS), mode="custom")
        hyperv.insert(2, E.spinlocks(state="on", retries="8191"))
        features.append(hyperv)
    if spec.firmware == "uefi-secure":
        features.append(E.smm(state="on"))  # keeps the guest's own kernel away from the variable store
    return features


def build_cpu(spec: GuestSpec) -> etree._Element:
    # host-model stays migratable between like hosts; under emulation "maximum" is everything TCG can do.
    wanted = spec.cpu
    mode = wanted.mode or ("host-model" if spec.acceleration == "kvm" else "maximum")
    if mode == "custom":
        cpu = E.cpu(E.model(wanted.model, fallback="forbid"), mode="custom", match="exact", check="partial")
    else:
        cpu = E.cpu(mode=mode)
    if wanted.topology is not None:
        sockets, cores, threads = wanted.topology.sockets, wanted.topology.cores, wanted.topology.threads
        cpu.append(E.topology(sockets=str(sockets), dies="1", cores=str(cores), threads=str(threads)))
    for policy, names in (("require", wanted.required_features), ("disable", wanted.disabled_features)):
        cpu.extend(E.feature(policy=policy, name=name) for name in names)
    if spec.numa:
        cells = [
            E.cell(id=str(index), cpus=cell.cpus, memory=str(cell.memory_mib * 1024), unit="KiB") for index, cell in enumerate(spec.numa)
        ]
        cpu.append(E.numa(*cells))
    return cpu


def build_clock(spec: GuestSpec) -> etree._Element:
    if spec.machine == "virt":
        return E.clock(offset=spec.clock)
    clock = E.clock(
        E.timer(name="rtc", tickpolicy="catchup"),
        E.timer(name="pit", tickpolicy="delay"),
        E.timer(name="hpet", present="no"),
        offset=spec.clock,
    )
    if spec.has_hyperv:
        clock.append(E.timer(name="hypervclock", present="yes"))
    return clock


def parse_system(root: etree._Element) -> str:
    return attribute_at(root, f"metadata/{_SYSTEM}", "id")


def parse_firmware(root: etree._Element) -> Firmware:
    loader = root.find("os/loader")
    if attribute_at(root, "os", "firmware") == "efi" or (loader is not None and loader.get("type") == "pflash"):
        return "uefi-secure" if loader is not None and loader.get("secure") == "yes" else "uefi"
    return "bios"


def parse_machine(root: etree._Element) -> Literal["q35", "pc", "virt"]:
    """libvirt writes the versioned name (pc-q35-7.2) for the one we asked for."""
    machine = attribute_at(root, "os/type", "machine")
    if machine.startswith("virt"):
        return "virt"
    return "q35" if "q35" in machine else "pc"


def parse_cpu(root: etree._Element, acceleration: str) -> CpuSpec:
    cpu = root.find("cpu")
    if cpu is None:
        return CpuSpec(mode="custom", model="qemu64")
    mode = str(cpu.get("mode", "custom"))
    topology = cpu.find("topology")
    return CpuSpec(
        mode="" if mode == ("host-model" if acceleration == "kvm" else "maximum") else mode,  # type: ignore[arg-type]
        model=text_at(cpu, "model") if mode == "custom" else "",
        topology=None if topology is None else Topology(*(int(str(topology.get(name, "1"))) for name in ("sockets", "cores", "threads"))),
        required_features=_features(cpu, "require"),
        disabled_features=_features(cpu, "disable"),
    )


def _features(cpu: etree._Element, policy: str) -> tuple[str, ...]:
    return tuple(str(feature.get("name")) for feature in cpu.findall("feature") if feature.get("policy", "require") == policy)


def parse_numa(root: etree._Element) -> tuple[NumaCell, ...]:
    nodes = {str(node.get("cellid")): str(node.get("nodeset", "")) for node in root.findall("numatune/memnode")}
    return tuple(
        NumaCell(
            cpus=str(cell.get("cpus", "")),
            memory_mib=int(str(cell.get("memory", "0"))) * {"KiB": 1, "MiB": 1024, "GiB": 1024**2}[str(cell.get("unit", "KiB"))] // 1024,
            host_nodes=nodes.get(str(cell.get("id")), ""),
        )
        for cell in root.findall("cpu/numa/cell")
    )


def parse_pins(root: etree._Element) -> tuple[VcpuPin, ...]:
    return tuple(VcpuPin(int(str(pin.get("vcpu"))), str(pin.get("cpuset"))) for pin in root.findall("cputune/vcpupin"))


def parse_hugepages_kib(root: etree._Element) -> int:
    page = root.find("memoryBacking/hugepages/page")
    if page is None:
        return 2048 if root.find("memoryBacking/hugepages") is not None else 0
    return int(str(page.get("size"))) * {"KiB": 1, "MiB": 1024, "GiB": 1024**2}.get(str(page.get("unit", "KiB")), 1)


def parse_sizes(root: etree._Element) -> dict[str, int | None]:
    """vcpus, vcpus_max, memory_mib and memory_max_mib; a maximum that is no more than what the guest has is None."""
    vcpus_max = int(text_at(root, "vcpu", "1"))
    vcpus = int(attribute_at(root, "vcpu", "current") or vcpus_max)
    memory_max = size_at(root, "memory", default_unit="KiB") // 1024**2
    memory = size_at(root, "currentMemory", default_unit="KiB") // 1024**2 or memory_max
    return {
        "vcpus": vcpus,
        "vcpus_max": vcpus_max if vcpus_max != vcpus else None,
        "memory_mib": memory,
        "memory_max_mib": memory_max if memory_max != memory else None,
    }
