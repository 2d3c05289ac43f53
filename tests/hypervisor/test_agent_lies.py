"""A guest's agent may say anything; what comes out is short text and sane numbers, or a refusal."""

from __future__ import annotations

import base64

import pytest

from hypervisor.errors import Refused
from hypervisor.libvirt.agent import MAX_BYTES, MAX_ITEMS, MAX_TEXT, info_from, text_from


def test_an_honest_answer_is_read() -> None:
    info = info_from(
        {
            "os.pretty-name": "Debian GNU/Linux 12",
            "os.kernel-release": "6.1.0",
            "hostname": "web",
            "user.count": 1,
            "user.0.name": "root",
            "fs.count": 1,
            "fs.0.mountpoint": "/",
            "fs.0.fstype": "ext4",
            "fs.0.total-bytes": 10,
            "fs.0.used-bytes": 4,
        }
    )
    assert (info.os_name, info.kernel, info.hostname, info.users) == ("Debian GNU/Linux 12", "6.1.0", "web", ("root",))
    assert [(one.mount_point, one.type, one.total_bytes, one.used_bytes) for one in info.filesystems] == [("/", "ext4", 10, 4)]


def test_lies_are_cut_to_size() -> None:
    info = info_from(
        {
            "hostname": "<script>\x1b[2J" + "x" * 100_000,
            "os.pretty-name": 7,
            "user.count": 10**12,
            "fs.count": 10**12,
            "fs.0.mountpoint": "/",
            "fs.0.total-bytes": -5,
            "fs.0.used-bytes": "many",
            **{f"user.{index}.name": f"u{index}" for index in range(1000)},
        }
    )
    assert len(info.hostname) <= MAX_TEXT
    assert "\x1b" not in info.hostname
    assert info.os_name == ""
    assert len(info.users) == MAX_ITEMS
    assert [(one.total_bytes, one.used_bytes) for one in info.filesystems] == [(0, 0)]


def test_files_are_text_of_64_kib() -> None:
    content = b"line\n\x00\xff\x1b[31mred" + b"y" * 200_000
    text = text_from({"buf-b64": base64.b64encode(content).decode()})
    assert text.startswith("line\n")
    assert len(text) <= MAX_BYTES
    assert not {"\x00", "\x1b"} & set(text)


@pytest.mark.parametrize("answer", [None, 5, [], {"buf-b64": 5}, {"buf-b64": "%%%"}])
def test_nonsense_is_refused(answer: object) -> None:
    with pytest.raises(Refused, match="makes no sense"):
        text_from(answer)
