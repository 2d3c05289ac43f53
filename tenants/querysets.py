"""`visible_to(actor)`: the only way to a queryset in views, sockets, jobs and console. Fails closed."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from django.db import models

from kvmweb.errors import NotFound
from tenants.actor import Actor

M = TypeVar("M", bound=models.Model)


class VisibleQuerySet(models.QuerySet[M], Generic[M]):
    """Base: nobody sees anything. Subclasses say who sees what in `_scope`."""

    def visible_to(self, actor: Actor | None) -> Self:
        if not isinstance(actor, Actor):
            return self.none()
        return self if actor.sees_everything else self._scope(actor)

    def _scope(self, actor: Actor) -> Self:
        return self.none()

    def get_visible(self, actor: Actor | None, pk: UUID | str, **extra: Any) -> M:
        """The row, or NotFound: the same for missing, foreign and malformed ids."""
        try:
            row = self.visible_to(actor).filter(pk=pk, **extra).first()
        except (ValueError, TypeError):
            row = None
        except Exception as error:
            if error.__class__.__name__ != "ValidationError":
                raise
            row = None
        if row is None:
            raise NotFound
        return row


class TenantQuerySet(VisibleQuerySet[M], Generic[M]):
    """Rows that belong to the tenant in their `tenant` column."""

    def _scope(self, actor: Actor) -> Self:
        return self.filter(tenant_id__in=actor.tenant_ids)


class SharedOrTenantQuerySet(VisibleQuerySet[M], Generic[M]):
    """Rows of a tenant, and rows without one, which everybody who is logged in may see (public images, shared networks)."""

    def _scope(self, actor: Actor) -> Self:
        if actor.user_id is None:
            return self.none()
        return self.filter(models.Q(tenant_id__in=actor.tenant_ids) | models.Q(tenant_id__isnull=True))


class SystemQuerySet(VisibleQuerySet[M], Generic[M]):
    """Rows only system roles see: hosts, pools."""
