"""Rows that a body names by id: found with `visible_to`, or 404 naming the field, the same for missing and foreign."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.db import models

from kvmweb.errors import InvalidInput, NotAllowed, NotFound
from tenants.actor import Actor
from tenants.models import Tenant
from tenants.policy import why_not
from tenants.querysets import VisibleQuerySet
from tenants.selectors import tenant_for, tenants_for

M = TypeVar("M", bound=models.Model)


def named_row(rows: VisibleQuerySet[M] | Any, actor: Actor, pk: UUID, *, field: str) -> M:
    try:
        row: M = rows.get_visible(actor, pk)
    except NotFound as error:
        raise missing(field) from error
    return row


def missing(field: str) -> NotFound:
    text = "There is no such thing, or you may not see it."
    return NotFound(f"{field}: {text}", details={"fields": {field: [text]}})


def named_tenant(actor: Actor, pk: UUID | None, operation: str) -> Tenant:
    """The tenant a body names; without one, the only one in which the actor may do `operation`, or the tenant "default"."""
    if pk is not None:
        try:
            return tenant_for(actor, pk)
        except NotFound as error:
            raise missing("tenant") from error
    possible = tenants_for(actor, operation)
    found = list((possible.filter(name="default") if actor.is_operator else possible)[:2]) or list(possible[:2])
    if not found:
        raise NotAllowed(why_not(actor, operation, None) or "There is no active tenant.")
    if len(found) > 1:
        raise InvalidInput(fields={"tenant": "Say for which tenant."})
    return found[0]
