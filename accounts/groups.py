"""Groups of a directory or an OIDC provider -> roles here, brought up to date at each login.

"kvm-admins=admin; kvm-ops=operator; web-team=acme/member": a system role, or a role in a tenant. Where a system role is mapped, the
groups are the truth for the system role; for tenants that are mapped they are the truth for the membership; nothing else is touched.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import transaction

from accounts.sessions import is_local
from tenants import audit
from tenants.actor import TENANT_RANK, Actor
from tenants.models import AuditEntry, Membership, SystemRole, Tenant, TenantRole, User

SYSTEM_RANK = {"": 0, SystemRole.AUDITOR: 1, SystemRole.OPERATOR: 2, SystemRole.ADMIN: 3}


@dataclass(frozen=True, slots=True)
class GroupRoles:
    """group -> system role, and group -> (tenant name, role) pairs."""

    system: dict[str, str] = field(default_factory=dict)
    tenants: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


def parse_roles(text: str) -> GroupRoles:
    """Raises ValueError with a sentence."""
    found = GroupRoles()
    for part in filter(None, (part.strip() for part in text.split(";"))):
        group, separator, role = (word.strip() for word in part.rpartition("="))
        if not separator or not group or not role:
            raise ValueError(f'"{part}" is not group=role. Write such as kvm-admins=admin; web-team=acme/member.')
        tenant, slash, tenant_role = role.partition("/")
        if slash:
            if tenant_role not in TenantRole.values or not tenant:
                raise ValueError(f'"{role}" is not a tenant and a role. Roles in tenants: {", ".join(TenantRole.values)}.')
            found.tenants.setdefault(group, []).append((tenant, tenant_role))
        elif role in SYSTEM_RANK and role:
            found.system[group] = role
        else:
            raise ValueError(f'"{role}" is not a role. System roles: auditor, operator, admin; in tenants: name/role.')
    return found


@transaction.atomic
def apply_roles(user: User, groups: Collection[str], rules: GroupRoles, *, source: str) -> list[str]:
    """What changed, as sentences; also in the audit trail."""
    changed = [*_apply_system_role(user, groups, rules), *_apply_memberships(user, groups, rules)]
    if changed:
        audit.record(
            Actor(label=f"system:{source}", is_system=True),
            "account.sync_roles",
            AuditEntry.Outcome.DONE,
            target=user,
            message="; ".join(changed),
        )
    return changed


def _apply_system_role(user: User, groups: Collection[str], rules: GroupRoles) -> list[str]:
    if not rules.system:
        return []
    wanted = max((rules.system[group] for group in groups if group in rules.system), key=SYSTEM_RANK.__getitem__, default="")
    # Who has a password here stays admin whatever a directory says: the way back in when its groups are wrong.
    if user.system_role == wanted or (user.is_superuser and is_local(user)):
        return []
    before, user.system_role = user.system_role, wanted
    # Left set, Django's own flags would bring the role back.
    user.is_staff = user.is_superuser = wanted == SystemRole.ADMIN
    user.save(update_fields=["system_role", "is_staff", "is_superuser"])
    return [f"system role {before or 'none'} -> {wanted or 'none'}"]


def _apply_memberships(user: User, groups: Collection[str], rules: GroupRoles) -> list[str]:
    mapped = {tenant for pairs in rules.tenants.values() for tenant, _ in pairs}
    wanted: dict[str, str] = {}
    for group in groups:
        for name, role in rules.tenants.get(group, []):
            wanted[name] = max(role, wanted.get(name, role), key=TENANT_RANK.__getitem__)
    there = {row.tenant.name: row for row in Membership.objects.filter(user=user, tenant__name__in=mapped).select_related("tenant")}
    changed = []
    for tenant in Tenant.objects.filter(name__in=mapped):
        has, gets = there.get(tenant.name), wanted.get(tenant.name)
        if (has.role if has else None) == gets:
            continue
        if gets:
            Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": gets})
        elif has:
            has.delete()
        changed.append(f"{tenant.name}: {has.role if has else 'none'} -> {gets or 'none'}")
    return changed
