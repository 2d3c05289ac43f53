"""What a viewer may send: filters over the client's half of RFB (RFC 6143 and QEMU's and TigerVNC's extensions) and of a serial line.

A view-only console is enforced here, in the relay. The server's half is never looked at.
"""

from __future__ import annotations

import struct
from typing import Protocol

from console import closing
from console.closing import Refused

VERSION_BYTES = 12
SECURITY_NONE = 1
REFRESH = 3
"""FramebufferUpdateRequest: sent by the page by itself for every picture, so not a sign of a person."""

# Message type -> length. None: the length is in the message.
PASSED: dict[int, int] = {0: 20, REFRESH: 10, 150: 10}  # SetPixelFormat, FramebufferUpdateRequest, EnableContinuousUpdates
DROPPED: dict[int, int] = {4: 8, 250: 4}  # KeyEvent, xvp (power off, reset)
SET_ENCODINGS, POINTER, CUT_TEXT, FENCE, SET_DESKTOP_SIZE, QEMU = 2, 5, 6, 248, 251, 255
HAS_MORE_BUTTONS = 0x80
QEMU_KEY, QEMU_AUDIO, QEMU_AUDIO_FORMAT = 0, 1, 2


class InputFilter(Protocol):
    is_watching: bool
    """View only: nobody types, so what the guest shows counts as activity too."""

    def allowed(self, data: bytes) -> bytes:
        """The part of `data` that may go to the guest. Keeps state between calls; holds back 12 bytes at most."""

    def is_activity(self, data: bytes) -> bool:
        """Whether a person, not the page, caused this."""


class Everything:
    """Control of a serial line."""

    is_watching = False

    def allowed(self, data: bytes) -> bytes:
        return data

    def is_activity(self, data: bytes) -> bool:
        return True


class ScreenControl(Everything):
    """Control of a screen: nothing is held back. The page sends each RFB message as one WebSocket message."""

    def is_activity(self, data: bytes) -> bool:
        return data[:1] != b"\x03"


class Nothing:
    """Watching a serial line."""

    is_watching = True

    def allowed(self, data: bytes) -> bytes:
        return b""

    def is_activity(self, data: bytes) -> bool:
        return True


class ScreenView:
    """Watching a screen: handshake, pixel format, encodings and refreshes pass; keys, pointer, clipboard, resize and power do not.

    Fails closed: a message or login method it does not know raises Refused, since it could not tell where the next message begins.
    What passes is always whole messages of these kinds, so the server reads them the same way whatever a client tries.
    """

    is_watching = True

    def __init__(self) -> None:
        self._held = b""
        self._passing = 0
        self._dropping = 0
        self._step = self._version

    def is_activity(self, data: bytes) -> bool:
        return True

    def allowed(self, data: bytes) -> bytes:
        rest = self._held + data
        out = bytearray()
        while rest:
            if self._passing:
                out += rest[: self._passing]
                self._passing, rest = self._take(self._passing, rest)
            elif self._dropping:
                self._dropping, rest = self._take(self._dropping, rest)
            else:
                used = self._step(rest, out)
                if not used and not self._passing and not self._dropping:
                    break
                rest = rest[used:]
        self._held = rest
        return bytes(out)

    @staticmethod
    def _take(count: int, rest: bytes) -> tuple[int, bytes]:
        return max(0, count - len(rest)), rest[count:]

    # Each step looks at the start of `rest`: it may use up bytes, or say how many pass or are dropped. Neither: it needs more.

    def _version(self, rest: bytes, out: bytearray) -> int:
        if len(rest) < VERSION_BYTES:
            return 0
        # Before 3.7 the server alone chooses the login method, so that the next message would have to be guessed.
        if rest[:VERSION_BYTES] not in (b"RFB 003.007\n", b"RFB 003.008\n"):
            raise Refused(closing.UNKNOWN_HANDSHAKE)
        out += rest[:VERSION_BYTES]
        self._step = self._security
        return VERSION_BYTES

    def _security(self, rest: bytes, out: bytearray) -> int:
        if rest[0] != SECURITY_NONE:
            raise Refused(closing.UNKNOWN_HANDSHAKE)
        out.append(rest[0])
        self._step = self._client_init
        return 1

    def _client_init(self, rest: bytes, out: bytearray) -> int:
        out.append(1)  # shared, whatever was asked: an exclusive viewer would throw out those who work there
        self._step = self._message
        return 1

    def _message(self, rest: bytes, out: bytearray) -> int:
        kind = rest[0]
        if kind in PASSED:
            self._passing = PASSED[kind]
        elif kind in DROPPED:
            self._dropping = DROPPED[kind]
        elif kind == SET_ENCODINGS and len(rest) >= 4:
            self._passing = 4 + 4 * struct.unpack_from("!H", rest, 2)[0]
        elif kind == FENCE and len(rest) >= 9:
            self._passing = 9 + rest[8]
        elif kind == POINTER and len(rest) >= 2:
            self._dropping = 7 if rest[1] & HAS_MORE_BUTTONS else 6  # ExtendedMouseButtons, as noVNC 1.7 sends
        elif kind == CUT_TEXT and len(rest) >= 8:
            self._dropping = 8 + abs(struct.unpack_from("!i", rest, 4)[0])  # negative: the extended clipboard
        elif kind == SET_DESKTOP_SIZE and len(rest) >= 8:
            self._dropping = 8 + 16 * rest[6]
        elif kind == QEMU and len(rest) >= 4:
            self._qemu(rest)
        elif kind not in (SET_ENCODINGS, POINTER, CUT_TEXT, FENCE, SET_DESKTOP_SIZE, QEMU):
            raise Refused(closing.UNKNOWN_HANDSHAKE)
        return 0

    def _qemu(self, rest: bytes) -> None:
        if rest[1] == QEMU_KEY:
            self._dropping = 12
        elif rest[1] == QEMU_AUDIO:
            self._passing = 10 if struct.unpack_from("!H", rest, 2)[0] == QEMU_AUDIO_FORMAT else 4
        else:
            raise Refused(closing.UNKNOWN_HANDSHAKE)


def filter_for(kind: str, mode: str) -> InputFilter:
    if kind == "vnc":
        return ScreenControl() if mode == "control" else ScreenView()
    return Everything() if mode == "control" else Nothing()
