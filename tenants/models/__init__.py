"""Who uses the product: users, tenants, memberships, quotas, API tokens, and the audit trail of what they did."""

from tenants.models.audit import AuditEntry
from tenants.models.idempotency import IdempotencyRecord
from tenants.models.quota import Quota
from tenants.models.tenant import Membership, Tenant, TenantRole
from tenants.models.token import ApiToken, TokenScope
from tenants.models.user import SystemRole, User

__all__ = ["ApiToken", "AuditEntry", "IdempotencyRecord", "Membership", "Quota", "SystemRole", "Tenant", "TenantRole", "TokenScope", "User"]
