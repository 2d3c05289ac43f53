"""Writing what the watcher saw of a host's networks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from hypervisor.observed import ObservedNetwork
from live import publish
from networks.models import Network
from networks.payload import network_payload

FORGET_AFTER = timedelta(minutes=1)


def apply_networks(host_id: UUID, seen: Iterable[ObservedNetwork]) -> None:
    """Add, change, and mark as missing what the host no longer lists."""
    rows = {row.name: row for row in Network.objects.filter(host_id=host_id).select_related("host", "tenant")}
    has_default = any(row.is_default for row in rows.values())
    for network in seen:
        row = rows.pop(network.name, None)
        if row is None:
            is_default = not has_default and network.name == "default"
            row = Network(host_id=host_id, name=network.name, version=0, is_default=is_default)
            _write(row, _columns(network), is_new=True)
        else:
            changes = {name: value for name, value in _columns(network).items() if getattr(row, name) != value}
            if changes:
                _write(row, changes)
    for row in rows.values():
        _gone(row)


def _gone(row: Network) -> None:
    """Marked at first: the list of a libvirtd that just started is not complete. Later removed, unless guests of ours refer to it."""
    if not row.is_missing:
        _write(row, {"is_missing": True, "is_active": False})
    elif row.observed_at and timezone.now() - row.observed_at > FORGET_AFTER and not row.nics.exists():
        pk, version = row.pk, row.version + 1
        row.delete()
        publish.removed("network", pk, tenant_id=row.tenant_id, version=version)


def _columns(network: ObservedNetwork) -> dict[str, Any]:
    return {
        "uuid": network.uuid,
        "bridge": network.bridge[:32],
        "forward": network.forward[:16],
        "is_active": network.is_active,
        "is_missing": False,
        "autostart": network.autostart,
        "addresses": list(network.addresses),
    }


def _write(row: Network, columns: dict[str, Any], *, is_new: bool = False) -> None:
    for name, value in columns.items():
        setattr(row, name, value)
    row.version += 1
    row.observed_at = timezone.now()
    row.save(force_insert=is_new, update_fields=None if is_new else [*columns, "version", "observed_at"])
    publish.changed("network", row.pk, tenant_id=row.tenant_id, version=row.version, data=network_payload(row))
