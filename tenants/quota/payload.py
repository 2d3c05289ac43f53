"""Limits, usage, requests and changes as plain JSON values."""

from __future__ import annotations

from typing import Any

from tenants.models import QuotaChange, QuotaRequest
from tenants.quota.meters import Meters

Payload = dict[str, Any]


def quota_payload(meters: Meters) -> Payload:
    return {
        **{meter.resource: meter.limit for meter in meters},
        "follows_default": [meter.resource for meter in meters if meter.follows_default],
    }


def usage_payload(meters: Meters) -> Payload:
    return {meter.resource: {"used": meter.used, "limit": meter.limit, "left": meter.left, "percent": meter.percent} for meter in meters}


def request_payload(request: QuotaRequest) -> Payload:
    return {
        "id": request.pk,
        "tenant": {"id": request.tenant_id, "name": request.tenant.name},
        "state": request.state,
        "limits": request.wanted,
        "reason": request.reason,
        "requested_by": request.requested_by_label,
        "created_at": request.created_at,
        "decided_at": request.decided_at,
        "decided_by": request.decided_by_label,
        "message": request.message,
    }


def change_payload(change: QuotaChange) -> Payload:
    return {
        "id": change.pk,
        "at": change.at,
        "actor": change.actor_label,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
        "request": change.request_id,
    }
