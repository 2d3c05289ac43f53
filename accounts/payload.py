"""SSH keys as plain JSON values."""

from __future__ import annotations

from typing import Any

from accounts.models import SshKey


def ssh_key_payload(key: SshKey) -> dict[str, Any]:
    return {
        "id": key.pk,
        "name": key.name,
        "public_key": key.public_key,
        "fingerprint": key.fingerprint,
        "type": key.public_key.partition(" ")[0],
        "created_at": key.created_at,
    }
