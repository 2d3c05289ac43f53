"""REST: who am I, tenants with members, one's own tokens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.response import Response

from kvmweb.requests import link_to
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint
from tenants import payload, selectors, serializers, services
from tenants.actor import actor_for
from tenants.models import Invitation, Tenant, User


class MeView(ApiView):
    @endpoint("me", answer=serializers.MeShape)
    def get(self) -> Any:
        """Who am I: roles, tenants and effective permissions."""
        own = Tenant.objects.filter(pk__in=self.actor.tenant_ids)
        return payload.me_payload(self.actor, list(own))


class TenantsView(ApiView):
    @endpoint("list_tenants", query=serializers.TenantQuery, answer=page_of(serializers.TenantShape))
    def get(self) -> Any:
        """Tenants one may see."""
        rows = selectors.tenant_list(self.actor, search=self.query.get("search", ""))
        page = keyset_page(rows.order_by(*serializers.TENANT_ORDERINGS[self.query["ordering"]]), self.request, self.query)
        return page.answer([payload.tenant_payload(row) for row in page.rows])

    @endpoint("create_tenant", body=serializers.CreateTenant, answer={201: serializers.TenantShape}, operation="tenant.create")
    def post(self) -> Any:
        """Create a tenant."""
        return Response(payload.tenant_payload(services.create_tenant(self.actor, None, **self.body)), status=201)


class TenantBase(ApiView):
    row: Tenant

    def find(self, *, tenant_id: UUID, **ids: Any) -> Tenant:
        return selectors.tenant_for(self.actor, tenant_id)

    def show(self, row: Tenant) -> Any:
        return payload.tenant_payload(row)


class TenantView(TenantBase):
    @endpoint("get_tenant", answer=serializers.TenantShape)
    def get(self) -> Any:
        """One tenant."""
        return payload.tenant_payload(self.row)

    @endpoint("change_tenant", body=serializers.ChangeTenant, answer=serializers.TenantShape, operation="tenant.change")
    def patch(self) -> Any:
        """Change a tenant's name, description or whether it is active."""
        return payload.tenant_payload(services.change_tenant(self.actor, self.row, self.body))

    @endpoint("delete_tenant", answer={204: None}, operation="tenant.delete")
    def delete(self) -> Any:
        """Delete a tenant that owns no guests, images, disks or networks any more."""
        services.delete_tenant(self.actor, self.row)
        return Response(status=204)


class AccessView(TenantBase):
    @endpoint("get_access", query=serializers.AccessQuery, answer=serializers.AccessShape)
    def get(self) -> Any:
        """What somebody may do in the tenant, and why: oneself, or a member when one is its owner."""
        wanted = str(self.query.get("user", self.actor.user_id))
        user = selectors.user_seen_by(self.actor, wanted, self.row)
        shown = self.actor if user.pk == self.actor.user_id else actor_for(user)
        return payload.access_payload(shown, self.row.pk)


class MembersView(TenantBase):
    @endpoint("list_members", query=serializers.MemberQuery, answer=page_of(serializers.MemberShape))
    def get(self) -> Any:
        """Who belongs to a tenant, in which role."""
        rows = selectors.members_of(self.row).order_by(*serializers.MEMBER_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([payload.member_payload(row) for row in page.rows])

    @endpoint("add_member", body=serializers.AddMember, answer={201: serializers.MemberShape}, operation="tenant.add_member")
    def post(self) -> Any:
        """Give a user a role in the tenant, also one who has another already."""
        return Response(payload.member_payload(services.add_member(self.actor, self.row, **self.body)), status=201)


class MemberView(TenantBase):
    """`row` is the tenant; the member is `self.user`."""

    user: User

    def find(self, *, tenant_id: UUID, **ids: Any) -> Tenant:
        tenant = super().find(tenant_id=tenant_id)
        self.user = selectors.membership_for(tenant, ids["user_id"]).user
        return tenant

    @endpoint("change_member", body=serializers.ChangeMember, answer=serializers.MemberShape, operation="tenant.change_member")
    def patch(self) -> Any:
        """Change a member's role. A tenant always keeps an owner."""
        return payload.member_payload(services.change_member(self.actor, self.row, self.user, role=self.body["role"]))

    @endpoint("remove_member", answer={204: None}, operation=lambda view: view.operation)
    def delete(self) -> Any:
        """Remove a member, or leave by removing oneself. Tokens for this tenant alone stop working."""
        if self.operation == "tenant.leave":
            services.leave_tenant(self.actor, self.row)
        else:
            services.remove_member(self.actor, self.row, self.user)
        return Response(status=204)

    @property
    def operation(self) -> str:
        return "tenant.leave" if self.user.pk == self.actor.user_id else "tenant.remove_member"


class InvitationsView(TenantBase):
    @endpoint("list_invitations", query=serializers.InvitationQuery, answer=page_of(serializers.InvitationShape))
    def get(self) -> Any:
        """Invitations to a tenant and what became of them, without their links."""
        rows = selectors.invitations_of(self.row).order_by(*serializers.INVITATION_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([payload.invitation_payload(row) for row in page.rows])

    @endpoint("invite", body=serializers.CreateInvitation, answer={201: serializers.NewInvitationShape}, operation="tenant.invite")
    def post(self) -> Any:
        """Make a link that lets one person in. The answer is the only place that shows it."""
        body = self.body
        created = services.invite(self.actor, self.row, role=body["role"], for_whom=body["note"], expires_at=body["expires_at"])
        url = link_to(self.request._request, created.path)
        return Response({**payload.invitation_payload(created.invitation), "url": url}, status=201)


class InvitationView(TenantBase):
    """`row` is the tenant; the invitation is `self.invitation`."""

    invitation: Invitation

    def find(self, *, tenant_id: UUID, **ids: Any) -> Tenant:
        tenant = super().find(tenant_id=tenant_id)
        self.invitation = selectors.invitation_for(tenant, ids["invitation_id"])
        return tenant

    @endpoint("revoke_invitation", answer={204: None}, operation="tenant.revoke_invitation")
    def delete(self) -> Any:
        """Withdraw an invitation that nobody has used."""
        services.revoke_invitation(self.actor, self.invitation)
        return Response(status=204)


class TokensView(ApiView):
    @endpoint("list_tokens", query=serializers.TokenQuery, answer=page_of(serializers.TokenShape))
    def get(self) -> Any:
        """One's own API tokens; everybody's for admins who ask for them."""
        everybodys = self.query["everybodys"] == "true"
        rows = selectors.token_list(self.actor, everybodys=everybodys, search=self.query.get("search", ""))
        rows = rows.order_by(*serializers.TOKEN_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([payload.token_payload(row) for row in page.rows])

    @endpoint("create_token", body=serializers.CreateToken, answer={201: serializers.NewTokenShape}, operation="token.create")
    def post(self) -> Any:
        """Create an API token. The answer is the only place that shows its key."""
        tenant = selectors.tenant_for(self.actor, self.body["tenant"]) if self.body["tenant"] else None
        created = services.create_token(self.actor, None, **{**self.body, "tenant": tenant})
        return Response({**payload.token_payload(created.token), "token": created.key}, status=201)


class TokenView(ApiView):
    def find(self, *, token_id: UUID) -> Any:
        return selectors.token_for(self.actor, token_id)

    @endpoint("get_token", answer=serializers.TokenShape)
    def get(self) -> Any:
        """One of one's API tokens, without its key."""
        return payload.token_payload(self.row)

    @endpoint("delete_token", answer={204: None})
    def delete(self) -> Any:
        """Delete an API token: it stops working at once."""
        services.delete_token(self.actor, None, self.row)
        return Response(status=204)


class RotateTokenView(ApiView):
    def find(self, *, token_id: UUID) -> Any:
        return selectors.token_for(self.actor, token_id)

    @endpoint("rotate_token", answer={201: serializers.NewTokenShape})
    def post(self) -> Any:
        """A new key for a token: same name, rights and time to live. The old key stops at once; the answer alone shows the new one."""
        made = services.rotate_token(self.actor, None, self.row)
        return Response({**payload.token_payload(made.token), "token": made.key}, status=201)
