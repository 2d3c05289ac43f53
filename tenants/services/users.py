"""Accounts as an admin sees them: system role, active or not, gone. Passwords and logins are the accounts room's."""

from __future__ import annotations

from collections.abc import Mapping

from kvmweb.errors import Conflict, InvalidInput
from tenants.actor import Actor
from tenants.gate import note, operation
from tenants.models import Membership, SystemRole, TenantRole, User
from tenants.services.members import lock, refuse_without_owner

FIELDS = ("username", "first_name", "last_name", "email", "system_role", "is_active")


@operation("user.create")
def create_user(actor: Actor, target: None, user: User) -> User:
    """`user`: a row that was not saved yet, its password set."""
    _follow_role(user)
    user.save()
    note(changes={"system_role": [None, user.system_role]})
    return user


@operation("user.change")
def change_user(actor: Actor, user: User, changes: Mapping[str, object]) -> User:
    """`changes`: some of FIELDS. The last admin who can log in stays one."""
    unknown = set(changes) - set(FIELDS)
    if unknown:
        raise InvalidInput(fields=dict.fromkeys(unknown, "This cannot be changed here."))
    row = _locked(user)
    changes = {field: value for field, value in changes.items() if getattr(row, field) != value}
    note(changes={field: [getattr(row, field), value] for field, value in changes.items()})
    for field, value in changes.items():
        setattr(row, field, value)
    if not (row.system_role == SystemRole.ADMIN and row.is_active):
        _refuse_without_admin(row)
    _follow_role(row)
    row.save()
    return row


@operation("user.delete")
def delete_user(actor: Actor, user: User) -> None:
    """What the user did stays in the audit trail. Refused for the last admin and for the last owner of a tenant that is in use."""
    if user.pk == actor.user_id:
        raise Conflict("You cannot delete your own account.", hint="Ask another admin.")
    row = _locked(user)
    _refuse_without_admin(row)
    for membership in Membership.objects.filter(user=row, role=TenantRole.OWNER, tenant__is_active=True).select_related("tenant"):
        lock(membership.tenant)
        refuse_without_owner(membership.tenant, row)
    row.delete()


def _locked(user: User) -> User:
    """All admins are locked with it: two who demote each other at once must not both succeed."""
    list(User.objects.select_for_update().filter(system_role=SystemRole.ADMIN).order_by("pk"))
    return User.objects.select_for_update().get(pk=user.pk)


def _refuse_without_admin(leaving: User) -> None:
    """Call with the admins locked, before `leaving` stops being one who can log in."""
    if not User.objects.filter(pk=leaving.pk, system_role=SystemRole.ADMIN, is_active=True).exists():
        return
    if not User.objects.filter(system_role=SystemRole.ADMIN, is_active=True).exclude(pk=leaving.pk).exists():
        raise Conflict(f"{leaving.username} is the last admin.", hint="Make somebody else admin first.", code="last_admin")


def _follow_role(user: User) -> None:
    """Django's own flags say the same as the role; left set, they would bring the role back at the next save."""
    user.is_staff = user.is_superuser = user.system_role == SystemRole.ADMIN
