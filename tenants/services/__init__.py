"""Changes of people, tenants and tokens, a file per noun. Each is behind the gate."""

from tenants.services.invitations import accept_invitation, invite, revoke_invitation
from tenants.services.members import add_member, change_member, leave_tenant, remove_member
from tenants.services.quotas import set_quota
from tenants.services.tenants import change_tenant, create_tenant, delete_tenant
from tenants.services.tokens import SCOPE_RANK, CreatedToken, create_token, delete_token, rotate_token

__all__ = [
    "SCOPE_RANK",
    "CreatedToken",
    "accept_invitation",
    "add_member",
    "change_member",
    "change_tenant",
    "create_tenant",
    "create_token",
    "delete_tenant",
    "delete_token",
    "invite",
    "leave_tenant",
    "remove_member",
    "revoke_invitation",
    "rotate_token",
    "set_quota",
]
