"""Writing the audit trail. Only the gate, the console and the login signals call this."""

from __future__ import annotations

from typing import Any

from django.db import models

from tenants.actor import Actor
from tenants.models import AuditEntry


def record(
    actor: Actor,
    operation: str,
    outcome: str,
    *,
    target: models.Model | None = None,
    message: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    tenant_id = target.pk if target is not None and target._meta.label == "tenants.Tenant" else getattr(target, "tenant_id", None)
    AuditEntry.objects.create(
        operation=operation,
        outcome=outcome,
        actor_label=actor.label[:200],
        actor_user_id=actor.user_id,
        tenant_id=tenant_id,
        target_type=(target._meta.model_name or "") if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        target_name=str(getattr(target, "name", target))[:200] if target is not None else "",
        address=actor.address,
        request_id=actor.request_id,
        message=message[:4096],
        details=details or {},
    )
