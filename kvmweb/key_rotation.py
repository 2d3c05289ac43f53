"""A new key for the encrypted fields, and every row sealed with it. Safe to interrupt: the old keys stay until they are retired.

    add     a new key goes on top of the file; every process seals with it from then on, and still reads the old ones
    reseal  each sealed text that an older key made is made again with the newest, row by row, where it has not changed meanwhile
    retire  the older keys are deleted, after a look that nothing needs them. Backups made before then can no longer be read.

Sealed text is found by what it looks like, in all text and JSON columns of all models, so that no column can be forgotten.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models.functions import Cast

from kvmweb import fields, secrets_store

TOKEN = re.compile(r"gAAAA[A-Za-z0-9_-]{90,}={0,2}")
SHORTEST_TOKEN = 100
SETTLE_S = 60.0
"""A transaction that began before the newest key was there may yet commit text of the key before."""


class CannotRotate(Exception):
    """A sentence for the admin."""


@dataclass
class Report:
    """`unreadable`: places of sealed text that none of our keys opens."""

    resealed: int = 0
    current: int = 0
    unreadable: list[str] = field(default_factory=list)


def add_key() -> None:
    _check_file()
    secrets_store.write_keys(settings.FIELD_KEYS_FILE, [Fernet.generate_key().decode(), *fields.keys()])


def retire_keys() -> int:
    """How many keys went."""
    _check_file()
    age_s = time.time() - settings.FIELD_KEYS_FILE.stat().st_mtime
    if age_s < SETTLE_S:
        raise CannotRotate(
            f"The newest key is {age_s:.0f} s old. Wait until it is {SETTLE_S:.0f} s old, so that nothing uses the one before."
        )
    newest, *older = fields.keys()
    report = reseal()
    if report.unreadable:
        raise CannotRotate(f"No key opens {len(report.unreadable)} values, such as {report.unreadable[0]}. All keys stay.")
    secrets_store.write_keys(settings.FIELD_KEYS_FILE, [newest])
    return len(older)


def is_unfinished() -> bool:
    """Is anything sealed with an older key."""
    if len(fields.keys()) == 1:
        return False
    newest = Fernet(fields.keys()[0])
    return any(not _opens(newest, token) for _, _, _, text in sealed_values() for token in TOKEN.findall(text))


def reseal() -> Report:
    keys = fields.keys()
    newest, ring, report = Fernet(keys[0]), MultiFernet([Fernet(key) for key in keys]), Report()
    for model, column, pk, text in sealed_values():
        new = TOKEN.sub(lambda found: _again(found[0], newest, ring), text)
        if any(not _opens(newest, token) for token in TOKEN.findall(new)):
            # In a plain column it is text that only looks sealed.
            if isinstance(column, fields.EncryptedTextField):
                report.unreadable.append(f"{model._meta.label} {pk} {column.name}")
        elif new == text:
            report.current += 1
        elif _replace(model, column, pk, old=text, new=new):
            report.resealed += 1
    return report


def sealed_values() -> Iterator[tuple[type[models.Model], models.Field[Any, Any], Any, str]]:
    """(model, column, key of the row, the column's text as it is in the database)."""
    for model in apps.get_models():
        if not model._meta.managed or model._meta.proxy:
            continue
        for column in model._meta.local_fields:
            if _can_hold_token(column):
                rows = _raw(model, column).filter(raw__contains="gAAAA").values_list("pk", "raw")
                yield from ((model, column, pk, raw) for pk, raw in rows.iterator(chunk_size=200))


def _can_hold_token(column: models.Field[Any, Any]) -> bool:
    if isinstance(column, models.CharField):
        return column.max_length is None or column.max_length >= SHORTEST_TOKEN
    return isinstance(column, models.TextField | models.JSONField)


def _raw(model: type[models.Model], column: models.Field[Any, Any]) -> models.QuerySet[Any]:
    """With the column's stored text as `raw`: reading the column itself would open it."""
    return model._base_manager.order_by("pk").annotate(raw=Cast(column.name, models.TextField()))


def _replace(model: type[models.Model], column: models.Field[Any, Any], pk: Any, *, old: str, new: str) -> bool:
    """False when the row changed or went since it was read: what changed it sealed with the newest key."""
    value: Any = json.loads(new) if isinstance(column, models.JSONField) else models.Value(new, models.TextField())
    return bool(_raw(model, column).filter(pk=pk, raw=old).update(**{column.name: value}))


def _again(token: str, newest: Fernet, ring: MultiFernet) -> str:
    if _opens(newest, token):
        return token
    try:
        return ring.rotate(token.encode()).decode()
    except InvalidToken:
        return token


def _opens(key: Fernet, token: str) -> bool:
    try:
        key.decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def _check_file() -> None:
    if settings.FIELD_KEYS:
        raise CannotRotate(
            "The keys come from KVMWEB_FIELD_KEYS. Put a new one first there, restart everything, run this with --reseal, "
            "and take the old one out when you no longer need backups from before."
        )
