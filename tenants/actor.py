"""Who asks: one frozen value made once per request, socket or job, passed to every service and every `visible_to`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from kvmweb.errors import Unavailable
from tenants.models import Membership, SystemRole, TenantRole, User

TENANT_RANK: dict[str, int] = {TenantRole.VIEWER: 1, TenantRole.MEMBER: 2, TenantRole.OWNER: 3}


@dataclass(frozen=True, slots=True)
class Actor:
    """`roles`: tenant id -> role, `names`: tenant id -> name, of the same tenants.

    A token narrows: `scope` read refuses every change, `only_tenant` hides the rest and the system role. So does viewing as a tenant
    (`tenants.sessions`): `viewing_as` is that tenant's name, nothing else is seen, and every change is refused.
    `requires_mfa`: the system role or a tenant wants a second factor. `lacks_mfa`: it is wanted, this is a session, and there is none;
    then there are no roles either.
    """

    label: str
    user_id: UUID | None = None
    system_role: str = ""
    roles: dict[UUID, str] = field(default_factory=dict)
    names: dict[UUID, str] = field(default_factory=dict)
    viewing_as: str = ""
    scope: str = "admin"
    only_tenant: UUID | None = None
    requires_mfa: bool = False
    lacks_mfa: bool = False
    is_system: bool = False
    address: str = ""
    request_id: str = ""
    token: str = ""
    """Name and beginning of the API token that asks, for the audit trail."""
    token_expires_at: datetime | None = None
    """When that token ends. No key it makes lives longer."""

    @property
    def sees_everything(self) -> bool:
        return self.is_system or self.system_role in (SystemRole.ADMIN, SystemRole.OPERATOR, SystemRole.AUDITOR)

    @property
    def is_operator(self) -> bool:
        return self.is_system or self.system_role in (SystemRole.ADMIN, SystemRole.OPERATOR)

    @property
    def is_admin(self) -> bool:
        return self.is_system or self.system_role == SystemRole.ADMIN

    @property
    def tenant_ids(self) -> frozenset[UUID]:
        return frozenset(self.roles)

    def rank_in(self, tenant_id: UUID | None) -> int:
        """0 no role, 1 viewer, 2 member, 3 owner, 4 operator, 5 admin. The auditor sees like a viewer everywhere."""
        if self.is_admin:
            return 5
        if self.is_operator:
            return 4
        rank = TENANT_RANK.get(self.roles[tenant_id], 0) if tenant_id in self.roles else 0
        return max(rank, 1) if self.system_role == SystemRole.AUDITOR else rank


def actor_for(user: User, *, scope: str = "admin", only_tenant: UUID | None = None, address: str = "", request_id: str = "") -> Actor:
    """One query. An inactive user has no roles at all. Raises Unavailable when the roles cannot be read."""
    if not user.is_active:
        return Actor(label=user.username, user_id=user.pk, scope="read", address=address, request_id=request_id)
    with reading_rights():
        found = list(_memberships().filter(user=user))
    mine = [line for line in found if only_tenant in (None, line[0])]
    return Actor(
        label=user.username,
        user_id=user.pk,
        system_role="" if only_tenant else user.system_role,
        roles={tenant: role for tenant, role, _, _ in mine},
        names={tenant: name for tenant, _, name, _ in mine},
        requires_mfa=any(line[3] for line in found) or bool(settings.REQUIRE_MFA_FOR_STAFF and user.system_role),
        scope=scope,
        only_tenant=only_tenant,
        address=address,
        request_id=request_id,
    )


@cache
def _memberships() -> Any:
    """Built once, which is a third of its cost: it is asked at every request and every opening of a console."""
    rows = Membership.objects.filter(tenant__is_active=True).order_by("tenant__name")
    return rows.values_list("tenant_id", "role", "tenant__name", "tenant__require_mfa")


@contextmanager
def reading_rights() -> Iterator[None]:
    """Around reads that decide what somebody may: when they fail the answer is 503, never yes."""
    try:
        yield
    except DatabaseError as error:
        hint = "Try again in a few seconds. Until then nothing is allowed."
        raise Unavailable("What you may do here cannot be read just now.", hint=hint) from error


def system_actor(name: str) -> Actor:
    """A named part of the product itself, such as `watcher` or `bootstrap`."""
    return Actor(label=f"system:{name}", is_system=True)
