"""What changed: fields of a row before and after, with secrets named but not shown. No database access: only what was loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db import models

from kvmweb.fields import EncryptedTextField

CHANGED = "changed"
"""Stands for both values of a secret."""
SECRET = re.compile(r"passw|secret|token|credential|private|digest|user_data|cloud_init|_key$|^key$|recovery|otp|seed")
NOISE = re.compile(r"(_at|_since|_percent|_free_mib|_used_mib|available_bytes)$|^(version|state|state_reason|is_missing|last_login)$")
"""What the watcher writes by itself while somebody changes something else."""
TOLD = frozenset({"expires_at"})

Values = dict[str, Any]


def values_of(row: models.Model | None) -> Values:
    """The loaded columns; what was deferred is not asked for."""
    if not isinstance(row, models.Model):
        return {}
    return {field.name: row.__dict__[field.attname] for field in row._meta.concrete_fields if field.attname in row.__dict__}


def between(before: Values, after: models.Model | None) -> dict[str, Any]:
    """{field: [before, after]}; empty when there is no row, or when it is another one."""
    if not before or not isinstance(after, models.Model):
        return {}
    now = values_of(after)
    moved = {name: [before[name], now[name]] for name in before if name in now and _is_told(name) and before[name] != now[name]}
    return redacted(moved, model=type(after))


def redacted(changes: Mapping[str, Any], *, model: type[models.Model] | None = None) -> dict[str, Any]:
    return {name: CHANGED if is_secret(name, model) else value for name, value in changes.items()}


def is_secret(name: str, model: type[models.Model] | None = None) -> bool:
    if SECRET.search(name.lower()):
        return True
    fields = {field.name: field for field in model._meta.concrete_fields} if model else {}
    return isinstance(fields.get(name), EncryptedTextField)


def _is_told(name: str) -> bool:
    return name in TOLD or not NOISE.search(name)
