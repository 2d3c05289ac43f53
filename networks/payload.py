"""One network as plain JSON values for REST, pages and live sockets."""

from __future__ import annotations

from typing import Any

from networks.models import Network
from tenants.actor import Actor

Payload = dict[str, Any]


def network_payload(network: Network) -> Payload:
    """The operator's view, from a row with `host` and `tenant`."""
    return {
        "id": str(network.pk),
        "name": network.name,
        "host": {"id": str(network.host_id), "name": network.host.name},
        "tenant": {"id": str(network.tenant_id), "name": network.tenant.name} if network.tenant else None,
        "is_shared": network.tenant_id is None,
        "bridge": network.bridge,
        "forward": network.forward,
        "is_active": network.is_active,
        "is_missing": network.is_missing,
        "is_default": network.is_default,
        "autostart": network.autostart,
        "addresses": network.addresses,
        "version": network.version,
    }


def for_actor(actor: Actor, payload: Payload) -> Payload:
    """Tenants see neither hosts nor their bridges."""
    return payload if actor.sees_everything else {**payload, "host": None, "bridge": ""}
