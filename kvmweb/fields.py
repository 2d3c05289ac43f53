"""Model fields of our own: text that is encrypted in the database (key outside it, see `secrets_store`)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models


@lru_cache(maxsize=1)
def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


class EncryptedTextField(models.TextField):
    """Text at the Python side, a Fernet token in the database. Cannot be searched; empty stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return _cipher().encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return _cipher().decrypt(value.encode()).decode() if value else value


def seal_text(text: str) -> str:
    """For secrets that are not a column of their own, such as kept answers."""
    return _cipher().encrypt(text.encode()).decode()


def open_text(sealed: str) -> str:
    return _cipher().decrypt(sealed.encode()).decode()
