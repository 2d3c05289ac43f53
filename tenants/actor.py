"""Who asks: one frozen value made once per request, socket or job, passed to every service and every `visible_to`."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from tenants.models import Membership, SystemRole, TenantRole, User

TENANT_RANK = {TenantRole.VIEWER: 1, TenantRole.MEMBER: 2, TenantRole.OWNER: 3}


@dataclass(frozen=True, slots=True)
class Actor:
    """`roles`: tenant id -> role. A token narrows: `scope` read refuses every change, `only_tenant` hides the rest and the system role."""

    label: str
    user_id: UUID | None = None
    system_role: str = ""
    roles: dict[UUID, str] = field(default_factory=dict)
    scope: str = "admin"
    only_tenant: UUID | None = None
    is_system: bool = False
    address: str = ""
    request_id: str = ""

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
        rank = TENANT_RANK.get(TenantRole(self.roles[tenant_id]), 0) if tenant_id in self.roles else 0
        return max(rank, 1) if self.system_role == SystemRole.AUDITOR else rank


def actor_for(user: User, *, scope: str = "admin", only_tenant: UUID | None = None, address: str = "", request_id: str = "") -> Actor:
    """One query. An inactive user has no roles at all."""
    if not user.is_active:
        return Actor(label=user.username, user_id=user.pk, scope="read", address=address, request_id=request_id)
    memberships = Membership.objects.filter(user=user, tenant__is_active=True).values_list("tenant_id", "role")
    roles = {tenant: role for tenant, role in memberships if only_tenant in (None, tenant)}
    return Actor(
        label=user.username,
        user_id=user.pk,
        system_role="" if only_tenant else user.system_role,
        roles=roles,
        scope=scope,
        only_tenant=only_tenant,
        address=address,
        request_id=request_id,
    )


def system_actor(name: str) -> Actor:
    """A named part of the product itself, such as `watcher` or `bootstrap`."""
    return Actor(label=f"system:{name}", is_system=True)
