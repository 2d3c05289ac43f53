"""Small translations: errors, screen pictures, what a host can really do."""

from __future__ import annotations

import struct
import zlib

import libvirt
import pytest

from hypervisor.errors import AlreadyExists, HostUnreachable, HypervisorError, NoSpace, NotFoundOnHost, Refused, TimedOut, Unsupported
from hypervisor.libvirt.guests import _addresses
from hypervisor.libvirt.node import acceleration_of
from hypervisor.libvirt.stats import _stats
from hypervisor.libvirt.translate import translated_error
from hypervisor.picture import to_png
from tests.hypervisor.specs_for_tests import GUEST_UUID


def libvirt_error(code: int, text: str) -> libvirt.libvirtError:
    error = libvirt.libvirtError(text)
    error.err = (code, 0, text, 2, "", None, None, 0, 0)
    return error


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (libvirt.VIR_ERR_NO_DOMAIN, "Domain not found", NotFoundOnHost),
        (libvirt.VIR_ERR_OPERATION_FAILED, "domain 'x' already exists with uuid y", AlreadyExists),
        (libvirt.VIR_ERR_STORAGE_VOL_EXIST, "storage volume 'x' exists already", AlreadyExists),
        (libvirt.VIR_ERR_INTERNAL_ERROR, "qemu-img: /p/x: No space left on device", NoSpace),
        (libvirt.VIR_ERR_INTERNAL_ERROR, "client socket is closed", HostUnreachable),
        (libvirt.VIR_ERR_SYSTEM_ERROR, "End of file while reading data: Input/output error", HostUnreachable),
        (libvirt.VIR_ERR_NO_SUPPORT, "this function is not supported", Unsupported),
        (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, "Guest agent is not responding", TimedOut),
        (libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running", Refused),
    ],
)
def test_libvirts_errors_become_ours(code: int, text: str, kind: type[HypervisorError]) -> None:
    error = translated_error(libvirt_error(code, text))
    assert type(error) is kind
    assert str(error) == text


def test_a_ppm_picture_becomes_a_png() -> None:
    png = to_png(b"P6\n# made by QEMU\n2 1\n255\n" + b"\xff\x00\x00\x00\xff\x00")
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (2, 1)
    length = struct.unpack(">I", png[33:37])[0]
    assert zlib.decompress(png[41 : 41 + length]) == b"\x00\xff\x00\x00\x00\xff\x00"


@pytest.mark.parametrize("picture", [b"", b"GIF89a", b"P6\n2 2\n255\n\x00"])
def test_other_pictures_are_refused(picture: bytes) -> None:
    with pytest.raises(Refused):
        to_png(picture)


def test_kvm_needs_the_processor_too() -> None:
    assert acceleration_of({"qemu", "kvm"}, {"vmx"}, probe_s=0.1)[0] == "kvm"
    assert acceleration_of({"qemu", "kvm"}, {"sse2"}, probe_s=0.1)[0] == "qemu"
    assert acceleration_of({"qemu"}, {"svm"}, probe_s=0.1)[0] == "qemu"


def test_a_slow_probe_is_named() -> None:
    assert "32 s" in acceleration_of({"qemu", "kvm"}, set(), probe_s=32.0)[1]
    assert "32 s" not in acceleration_of({"qemu", "kvm"}, set(), probe_s=0.1)[1]


def test_an_agent_may_say_anything() -> None:
    said = {
        "lo": {"addrs": [{"addr": "127.0.0.1"}, {"addr": "::1"}]},
        "eth0": {"addrs": [{"addr": "192.0.2.7"}, {"addr": "<script>"}, {"addr": None}, {}, {"addr": "192.0.2.7"}, {"addr": "fe80::1"}]},
        "down": {"addrs": None},
        "many": {"addrs": [{"addr": f"198.51.{n // 250}.{n % 250 + 1}"} for n in range(1000)]},
    }
    found = _addresses(said)
    assert found[0] == "192.0.2.7"
    assert len(found) == 64
    assert len(set(found)) == 64


def test_counters_are_summed_and_what_is_not_told_is_none() -> None:
    facts = {
        "vcpu.current": 2, "cpu.time": 5, "balloon.current": 4096, "balloon.available": 4096, "balloon.usable": 1024,
        "block.count": 2, "block.0.rd.bytes": 10, "block.1.rd.bytes": 5, "block.0.wr.bytes": 1, "net.count": 0,
    }  # fmt: skip
    stats = _stats(GUEST_UUID, facts, 1.0)
    assert (stats.vcpus, stats.cpu_time_ns, stats.memory_balloon_mib, stats.memory_used_mib) == (2, 5, 4, 3)
    assert (stats.disk_read_bytes, stats.disk_write_bytes, stats.net_rx_bytes) == (15, 1, None)
