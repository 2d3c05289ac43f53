"""Changes of people, tenants and tokens, a file per noun. Each is behind the gate."""

from tenants.services.members import add_member
from tenants.services.quotas import set_quota
from tenants.services.tenants import change_tenant, create_tenant
from tenants.services.tokens import SCOPE_RANK, CreatedToken, create_token, delete_token

__all__ = [
    "SCOPE_RANK",
    "CreatedToken",
    "add_member",
    "change_tenant",
    "create_tenant",
    "create_token",
    "delete_token",
    "set_quota",
]
