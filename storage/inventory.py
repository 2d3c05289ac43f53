"""Writing what the watcher saw of a host's pools. Volumes are ours: their rows are written by the jobs that make the files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from hypervisor.observed import ObservedPool
from live import publish
from storage.models import Pool
from storage.payload import pool_payload

DEFAULT_NAMES = ("default", "default-pool")
"""libvirt's own, and its test driver's."""
FORGET_AFTER = timedelta(minutes=1)
STEP_BYTES = 1024 * 1024
"""Free space moves all the time: smaller steps are not written."""


def apply_pools(host_id: UUID, seen: Iterable[ObservedPool]) -> None:
    """Add, change, and mark as missing what the host no longer lists."""
    rows = {row.name: row for row in Pool.objects.filter(host_id=host_id).select_related("host")}
    has_default = any(row.is_default for row in rows.values())
    for pool in seen:
        row = rows.pop(pool.name, None)
        if row is None:
            is_default = not has_default and pool.name in DEFAULT_NAMES
            row = Pool(host_id=host_id, name=pool.name, version=0, is_default=is_default)
            _write(row, _columns(pool), is_new=True)
        else:
            changes = {name: value for name, value in _columns(pool).items() if _differs(getattr(row, name), value)}
            if changes:
                _write(row, changes)
    for row in rows.values():
        _gone(row)


def _gone(row: Pool) -> None:
    """Marked at first: the list of a libvirtd that just started is not complete. Later removed, unless volumes of ours refer to it."""
    if not row.is_missing:
        _write(row, {"is_missing": True, "is_active": False})
    elif row.observed_at and timezone.now() - row.observed_at > FORGET_AFTER and not row.volumes.exists():
        pk, version = row.pk, row.version + 1
        row.delete()
        publish.removed("pool", pk, tenant_id=None, version=version)


def _columns(pool: ObservedPool) -> dict[str, Any]:
    return {
        "uuid": pool.uuid,
        "type": pool.type[:16],
        "path": pool.path[:300],
        "is_active": pool.is_active,
        "is_missing": False,
        "autostart": pool.autostart,
        "capacity_bytes": pool.capacity_bytes,
        "allocation_bytes": pool.allocation_bytes,
        "available_bytes": pool.available_bytes,
    }


def _differs(old: Any, new: Any) -> bool:
    if isinstance(new, bool) or not isinstance(new, int):
        return bool(old != new)
    return bool(abs(old - new) >= STEP_BYTES or (old == 0) != (new == 0))


def _write(row: Pool, columns: dict[str, Any], *, is_new: bool = False) -> None:
    for name, value in columns.items():
        setattr(row, name, value)
    row.version += 1
    row.observed_at = timezone.now()
    row.save(force_insert=is_new, update_fields=None if is_new else [*columns, "version", "observed_at"])
    publish.changed("pool", row.pk, tenant_id=None, version=row.version, data=pool_payload(row))
