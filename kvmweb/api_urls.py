"""The REST contract's routes."""

from django.urls import URLPattern, URLResolver, path, re_path

from kvmweb.rest.views import UnknownPath
from tenants import api as tenants

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/", tenants.MeView.as_view()),
    path("tenants/", tenants.TenantsView.as_view()),
    path("tenants/<uuid:tenant_id>/", tenants.TenantView.as_view()),
    path("tenants/<uuid:tenant_id>/members/", tenants.MembersView.as_view()),
    path("tenants/<uuid:tenant_id>/quota/", tenants.QuotaView.as_view()),
    path("tenants/<uuid:tenant_id>/usage/", tenants.UsageView.as_view()),
    path("tokens/", tenants.TokensView.as_view()),
    path("tokens/<uuid:token_id>/", tenants.TokenView.as_view()),
    path("audit/", tenants.AuditView.as_view()),
    re_path(r"^.*$", UnknownPath.as_view()),
]
