"""Reading tenants, members and one's own tokens. Everything starts from the actor."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from kvmweb.errors import NotFound
from tenants.actor import Actor
from tenants.models import ApiToken, Invitation, Membership, Tenant, User
from tenants.policy import OWNER, may


def tenant_list(actor: Actor, *, search: str = "") -> QuerySet[Tenant]:
    rows = Tenant.objects.all() if actor.sees_everything else Tenant.objects.filter(pk__in=actor.tenant_ids)
    return rows.filter(name__icontains=search) if search else rows


def tenant_for(actor: Actor, tenant_id: UUID | str) -> Tenant:
    """The tenant, or NotFound."""
    try:
        row = tenant_list(actor).filter(pk=tenant_id).first()
    except ValidationError:
        row = None
    if row is None:
        raise NotFound
    return row


def tenants_for(actor: Actor, operation: str) -> QuerySet[Tenant]:
    """Active tenants in which the actor may do `operation`, by name."""
    rows = tenant_list(actor).filter(is_active=True).order_by("name")
    if may(actor, operation, None):
        return rows
    return rows.filter(pk__in=[tenant_id for tenant_id in actor.tenant_ids if may(actor, operation, tenant_id)])


def members_of(tenant: Tenant) -> QuerySet[Membership]:
    return Membership.objects.filter(tenant=tenant).select_related("user")


def membership_for(tenant: Tenant, user_id: UUID | str) -> Membership:
    """Of somebody who belongs to the tenant, which the caller found for its actor; or NotFound."""
    membership = members_of(tenant).filter(user_id=user_id).first()
    if membership is None:
        raise NotFound
    return membership


def tenants_of(actor: Actor, user: User) -> QuerySet[Tenant]:
    """Those of `user` that `actor` may know of."""
    return tenant_list(actor).filter(memberships__user=user).order_by("name")


def invitations_of(tenant: Tenant) -> QuerySet[Invitation]:
    """Newest first, with what became of them."""
    return Invitation.objects.filter(tenant=tenant).select_related("tenant", "created_by", "used_by").order_by("-created_at", "-id")


def invitation_for(tenant: Tenant, invitation_id: UUID | str) -> Invitation:
    row = invitations_of(tenant).filter(pk=invitation_id).first()
    if row is None:
        raise NotFound
    return row


def user_seen_by(actor: Actor, user_id: UUID | str, tenant: Tenant | None) -> User:
    """Oneself; anybody for those who see everything; a member of `tenant` for its owners. Else NotFound."""
    is_own = str(user_id) == str(actor.user_id)
    try:
        rows = User.objects.filter(pk=user_id)
    except ValidationError as error:
        raise NotFound from error
    if not is_own and not actor.sees_everything:
        is_owner = tenant is not None and actor.rank_in(tenant.pk) >= OWNER
        rows = rows.filter(memberships__tenant=tenant) if is_owner else rows.none()
    user = rows.first()
    if user is None:
        raise NotFound
    return user


def token_id(token: ApiToken) -> UUID:
    """A token's public id. Its primary key is the digest of its key, which is shown to nobody."""
    return token.public_id


def token_list(actor: Actor, *, everybodys: bool = False, search: str = "") -> QuerySet[ApiToken]:
    """The actor's own; `everybodys` for admins only. A token for one tenant sees that tenant's."""
    rows = ApiToken.objects.select_related("tenant", "user")
    if not (everybodys and actor.is_admin):
        rows = rows.filter(user_id=actor.user_id)
    if actor.only_tenant:
        rows = rows.filter(tenant_id=actor.only_tenant)
    for word in search.split()[:5]:
        rows = rows.filter(Q(name__icontains=word) | Q(user__username__icontains=word) | Q(token_key__startswith=word[:15]))
    return rows


def token_for(actor: Actor, wanted: UUID) -> ApiToken:
    """One of the actor's own tokens by its public id, anybody's for an admin, or NotFound."""
    row = token_list(actor, everybodys=True).filter(public_id=wanted).first()
    if row is None:
        raise NotFound
    return row
