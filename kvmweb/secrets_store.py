"""Keys of this installation: made once, kept in `<data dir>/secrets/` (0700), outside the database and its backups."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet


def read_or_create(data_dir: Path, name: str, *, value: str = "") -> str:
    """The secret called `name`; the first caller writes `value` or a random one. Safe when several processes start at once."""
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}"
        draft.write_text(value or secrets.token_urlsafe(50))
        draft.chmod(0o600)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def field_keys(data_dir: Path) -> list[str]:
    """Fernet keys for encrypted fields, newest first, one a line: add a line on top to rotate."""
    return read_or_create(data_dir, "field_keys", value=Fernet.generate_key().decode()).split()


def fingerprint(secret: str) -> str:
    return hashlib.sha256(b"kvmweb-instance:" + secret.encode()).hexdigest()[:8]
