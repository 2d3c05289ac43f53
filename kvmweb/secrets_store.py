"""Keys of this installation: made once, kept in `<data dir>/secrets/` (0700), outside the database and its backups."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.fernet import Fernet


def read_or_create(data_dir: Path, name: str, *, value: str = "") -> str:
    """The secret called `name`; the first caller writes `value` or a random one. Safe when several processes start at once."""
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        draft = _draft(path, value or secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def field_keys_file(data_dir: Path) -> Path:
    """Fernet keys for encrypted fields, newest first, one a line. See `kvmweb.key_rotation`."""
    read_or_create(data_dir, "field_keys", value=Fernet.generate_key().decode())
    return data_dir / "secrets" / "field_keys"


def keep_database_private(path: Path) -> None:
    """The database's file is our user's alone, from its first moment on: who can read it has everybody's login sessions. SQLite gives the
    files beside it the same mode. Call before it is opened: closing a descriptor of it would drop SQLite's locks.
    """
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with suppress(FileNotFoundError, PermissionError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """All of the new file or all of the old one, also when the power fails."""
    draft = _draft(path, "\n".join(keys) + "\n")
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """One rotation at a time; the lock goes with the process. Raises BlockingIOError."""
    with (path.parent / f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _draft(path: Path, content: str) -> Path:
    draft = path.parent / f".{path.name}.{os.getpid()}"
    # Readable by nobody else from its first moment on.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def fingerprint(secret: str) -> str:
    return hashlib.sha256(b"kvmweb-instance:" + secret.encode()).hexdigest()[:8]
