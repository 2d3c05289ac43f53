"""The view-only filter: whatever a viewer sends, and however it is cut up, only harmless whole messages come out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.closing import Refused
from console.rfb import ScreenControl, ScreenView

HANDSHAKE = b"RFB 003.008\n\x01\x00"
HANDSHAKE_PASSED = b"RFB 003.008\n\x01\x01"

PASSED = [
    b"\x00" + bytes(19),  # SetPixelFormat
    struct.pack("!BxHiii", 2, 3, 0, 7, -223),  # SetEncodings
    struct.pack("!BBHHHH", 3, 1, 0, 0, 800, 600),  # FramebufferUpdateRequest
    struct.pack("!BBHHHH", 150, 1, 0, 0, 800, 600),  # EnableContinuousUpdates
    struct.pack("!BxxxIB", 248, 1, 3) + b"abc",  # ClientFence
    b"\xff\x01\x00\x00",  # QEMU audio: enable
    b"\xff\x01\x00\x02" + bytes(6),  # QEMU audio: format
]
DROPPED = [
    struct.pack("!BBxxI", 4, 1, 0x61),  # KeyEvent
    struct.pack("!BBHH", 5, 1, 10, 10),  # PointerEvent
    struct.pack("!BBHHB", 5, 0x81, 10, 10, 0),  # PointerEvent with more buttons
    struct.pack("!BxxxI", 6, 5) + b"hello",  # ClientCutText
    struct.pack("!Bxxxi", 6, -8) + bytes(8),  # the extended clipboard
    struct.pack("!BBBB", 250, 0, 1, 2),  # xvp: shut down
    struct.pack("!BxHHBx", 251, 800, 600, 1) + bytes(16),  # SetDesktopSize
    struct.pack("!BBHII", 255, 0, 1, 0x61, 30),  # QEMU key
]


@given(st.lists(st.sampled_from([*PASSED, *DROPPED]), max_size=30), st.data())
def test_only_harmless_messages_pass_however_they_are_cut(messages: list[bytes], data: st.DataObject) -> None:
    stream = HANDSHAKE + b"".join(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    view = ScreenView()
    out = b"".join(view.allowed(piece) for piece in pieces)
    assert out == HANDSHAKE_PASSED + b"".join(message for message in messages if message in PASSED)


@pytest.mark.parametrize(
    "start", [b"RFB 003.003\n", b"RFB 005.000\n", b"RFB 003.008\n\x02", HANDSHAKE + b"\x63", HANDSHAKE + b"\xff\x07aa"]
)
def test_what_it_does_not_know_is_refused(start: bytes) -> None:
    with pytest.raises(Refused):
        ScreenView().allowed(start)


def test_a_clipboard_of_4_gib_costs_no_memory() -> None:
    view = ScreenView()
    view.allowed(HANDSHAKE + struct.pack("!BxxxI", 6, 0x7FFFFFFF))
    for _ in range(64):
        assert view.allowed(bytes(65536)) == b""
    assert len(view._held) == 0


def test_a_refresh_is_not_a_sign_of_a_person() -> None:
    control = ScreenControl()
    assert not control.is_activity(PASSED[2])
    assert control.is_activity(DROPPED[0])
