"""Reading one SSH public key: an allow-listed type, one line, a size in bounds, and bytes that really are such a key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from kvmweb.errors import InvalidInput

TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
SECURITY_KEY_PARTS = {"sk-ssh-ed25519@openssh.com": 3, "sk-ecdsa-sha2-nistp256@openssh.com": 4}
LONGEST = 4096
SMALLEST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`text`: type, key and comment with single blanks, as it goes into a guest."""

    text: str
    type: str
    fingerprint: str


def parse_public_key(text: str) -> PublicKey:
    """Raises InvalidInput naming the field public_key."""
    line = text.strip()
    if len(line) > LONGEST:
        raise _invalid(f"A key has at most {LONGEST} characters.")
    if not line.isprintable():
        raise _invalid("Paste one key: a single line.")
    kind, _, rest = line.partition(" ")
    if kind.startswith("-----BEGIN"):
        raise _invalid("This is a private key. Never give it away; paste the file that ends in .pub.")
    if kind not in TYPES:
        raise _invalid(f"Begin with the type of the key, one of {', '.join(TYPES)}. Options in front of it are not allowed.")
    encoded, _, comment = rest.strip().partition(" ")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("The part after the type is not a key. Copy the whole line again.") from error
    _check_bytes(kind, encoded, blob)
    fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return PublicKey(text=" ".join(filter(None, (kind, encoded, " ".join(comment.split())))), type=kind, fingerprint=fingerprint)


def _check_bytes(kind: str, encoded: str, blob: bytes) -> None:
    parts = _parts(blob)
    if not parts or parts[0] != kind.encode():
        raise _invalid("The key is damaged or of another type than it says. Copy the whole line again.")
    if kind in SECURITY_KEY_PARTS:
        if len(parts) != SECURITY_KEY_PARTS[kind]:
            raise _invalid("The key is damaged. Copy the whole line again.")
        return
    try:
        key = load_ssh_public_key(f"{kind} {encoded}".encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _invalid("The key is damaged. Copy the whole line again.") from error
    if isinstance(key, RSAPublicKey) and key.key_size < SMALLEST_RSA_BITS:
        raise _invalid(f"RSA keys need at least {SMALLEST_RSA_BITS} bits; this one has {key.key_size}. Make an ed25519 key.")


def _parts(blob: bytes) -> list[bytes]:
    """The length-prefixed strings of RFC 4253, 6.6; empty when they do not fill the blob exactly."""
    parts, at = [], 0
    while at < len(blob):
        if at + 4 > len(blob):
            return []
        (length,) = struct.unpack_from(">I", blob, at)
        at += 4
        if at + length > len(blob):
            return []
        parts.append(blob[at : at + length])
        at += length
    return parts


def _invalid(sentence: str) -> InvalidInput:
    return InvalidInput(fields={"public_key": sentence})
