"""Who uses the product: users, tenants, memberships, quotas, API tokens, and the audit trail of what they did."""

from tenants.models.audit import AuditCursor, AuditEntry, AuditLink
from tenants.models.idempotency import IdempotencyRecord
from tenants.models.invitation import Invitation
from tenants.models.quota import Quota, QuotaChange, QuotaDefault, QuotaRequest, QuotaRequestState, TenantQuota
from tenants.models.tenant import Membership, Tenant, TenantRole
from tenants.models.token import ApiToken, TokenScope
from tenants.models.user import SystemRole, User

__all__ = [
    "ApiToken",
    "AuditCursor",
    "AuditEntry",
    "AuditLink",
    "IdempotencyRecord",
    "Invitation",
    "Membership",
    "Quota",
    "QuotaChange",
    "QuotaDefault",
    "QuotaRequest",
    "QuotaRequestState",
    "SystemRole",
    "Tenant",
    "TenantQuota",
    "TenantRole",
    "TokenScope",
    "User",
]
