"""Screen pictures as PNG. QEMU before 7.1, and libvirt where it does not ask otherwise, hand out binary PPM (P6)."""

from __future__ import annotations

import re
import struct
import zlib

from hypervisor.errors import Refused

_PNG = b"\x89PNG\r\n\x1a\n"
_PPM_HEADER = re.compile(rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+255\s")


def to_png(picture: bytes) -> bytes:
    if picture.startswith(_PNG):
        return picture
    header = _PPM_HEADER.match(picture)
    if not header:
        raise Refused("The host sent a screen picture that is neither PNG nor PPM.")
    width, height = int(header[1]), int(header[2])
    pixels = picture[header.end() :]
    if len(pixels) < width * height * 3:
        raise Refused("The host sent a screen picture that is cut short.")
    stride = width * 3
    # Each PNG row begins with its filter: 0, none.
    rows = b"".join(b"\x00" + pixels[row * stride : (row + 1) * stride] for row in range(height))
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _PNG + _chunk(b"IHDR", size) + _chunk(b"IDAT", zlib.compress(rows, 1)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
