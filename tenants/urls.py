"""Tenants, their people, invitations, permissions."""

from django.urls import path

from tenants.views import access, invitations, members, tenants, tokens, viewing

urlpatterns = [
    path("invite/<str:token>/", invitations.invitation, name="invitation"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/new/", tokens.add, name="token-add"),
    path("tokens/<uuid:token_id>/rotate/", tokens.rotate, name="token-rotate"),
    path("tokens/<uuid:token_id>/revoke/", tokens.revoke, name="token-revoke"),
    path("tenants/", tenants.tenant_list, name="tenants"),
    path("tenants/new/", tenants.add, name="tenant-add"),
    path("tenants/choose/", viewing.choose, name="tenant-choose"),
    path("tenants/stop-viewing/", viewing.stop, name="stop-viewing"),
    path("tenants/access/", access.access, name="access"),
    path("tenants/permissions/", access.permissions, name="permissions"),
    path("tenants/<uuid:tenant_id>/", tenants.tenant, name="tenant"),
    path("tenants/<uuid:tenant_id>/change/", tenants.change, name="tenant-change"),
    path("tenants/<uuid:tenant_id>/delete/", tenants.delete, name="tenant-delete"),
    path("tenants/<uuid:tenant_id>/view-as/", viewing.start, name="tenant-view-as"),
    path("tenants/<uuid:tenant_id>/leave/", members.leave, name="tenant-leave"),
    path("tenants/<uuid:tenant_id>/members/add/", members.add, name="member-add"),
    path("tenants/<uuid:tenant_id>/members/<uuid:user_id>/role/", members.change_role, name="member-role"),
    path("tenants/<uuid:tenant_id>/members/<uuid:user_id>/remove/", members.remove, name="member-remove"),
    path("tenants/<uuid:tenant_id>/invitations/new/", members.add_invitation, name="invitation-add"),
    path("tenants/<uuid:tenant_id>/invitations/<uuid:invitation_id>/withdraw/", members.withdraw_invitation, name="invitation-withdraw"),
]
