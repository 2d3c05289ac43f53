"""Model fields of our own: text that is encrypted in the database, with keys outside it (`secrets_store`)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models


def keys() -> tuple[str, ...]:
    """Newest first. The file is looked at each time, so that a running process follows a rotation without a restart."""
    if settings.FIELD_KEYS:
        return tuple(settings.FIELD_KEYS)
    state = settings.FIELD_KEYS_FILE.stat()
    return _keys_in(state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=1)
def _keys_in(*version: int) -> tuple[str, ...]:
    return tuple(settings.FIELD_KEYS_FILE.read_text().split())


@lru_cache(maxsize=4)
def _cipher_of(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


class EncryptedTextField(models.TextField):
    """Text at the Python side, a Fernet token in the database. Cannot be searched; empty stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return seal_text(value) if value else value

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return open_text(value) if value else value


def seal_text(text: str) -> str:
    """For secrets that are not a column of their own, such as kept answers. They are rotated where they lie, in text and in JSON."""
    return _cipher_of(keys()).encrypt(text.encode()).decode()


def open_text(sealed: str) -> str:
    return _cipher_of(keys()).decrypt(sealed.encode()).decode()
