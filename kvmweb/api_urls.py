"""The REST contract's routes."""

from django.urls import URLPattern, URLResolver, path, re_path

from console import api as console
from guests import api as guests
from guests.actions import POWER_VERBS
from hosts import api as hosts
from jobs import api as jobs
from kvmweb.rest.documentation import DocsView, SchemaView
from kvmweb.rest.views import UnknownPath
from networks import api as networks
from storage import api as storage
from tenants import api as tenants

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/", tenants.MeView.as_view()),
    path("guests/", guests.GuestsView.as_view()),
    path("guests/summary/", guests.SummaryView.as_view()),
    path("guests/bulk/", guests.BulkView.as_view()),
    path("guests/<uuid:guest_id>/", guests.GuestView.as_view()),
    path("guests/<uuid:guest_id>/timeline/", guests.TimelineView.as_view()),
    path("guests/<uuid:guest_id>/console/", console.ConsoleView.as_view()),
    *(path(f"guests/<uuid:guest_id>/{verb}/", guests.power_view(verb).as_view()) for verb in POWER_VERBS),
    path("hosts/", hosts.HostsView.as_view()),
    path("hosts/<uuid:host_id>/", hosts.HostView.as_view()),
    path("hosts/<uuid:host_id>/preflight/", hosts.PreflightView.as_view()),
    path("hosts/<uuid:host_id>/unmanaged/", hosts.UnmanagedView.as_view()),
    path("hosts/<uuid:host_id>/adopt/", guests.AdoptView.as_view()),
    path("images/", storage.ImagesView.as_view()),
    path("images/recipes/", storage.RecipesView.as_view()),
    path("images/importable/", storage.ImportableView.as_view()),
    path("images/<uuid:image_id>/", storage.ImageView.as_view()),
    path("pools/", storage.PoolsView.as_view()),
    path("pools/<uuid:pool_id>/", storage.PoolView.as_view()),
    path("volumes/", storage.VolumesView.as_view()),
    path("volumes/<uuid:volume_id>/", storage.VolumeView.as_view()),
    path("networks/", networks.NetworksView.as_view()),
    path("networks/<uuid:network_id>/", networks.NetworkView.as_view()),
    path("jobs/", jobs.JobsView.as_view()),
    path("jobs/<uuid:job_id>/", jobs.JobView.as_view()),
    path("jobs/<uuid:job_id>/cancel/", jobs.CancelJobView.as_view()),
    path("jobs/<uuid:job_id>/retry/", jobs.RetryJobView.as_view()),
    path("tenants/", tenants.TenantsView.as_view()),
    path("tenants/<uuid:tenant_id>/", tenants.TenantView.as_view()),
    path("tenants/<uuid:tenant_id>/members/", tenants.MembersView.as_view()),
    path("tenants/<uuid:tenant_id>/quota/", tenants.QuotaView.as_view()),
    path("tenants/<uuid:tenant_id>/usage/", tenants.UsageView.as_view()),
    path("tokens/", tenants.TokensView.as_view()),
    path("tokens/<uuid:token_id>/", tenants.TokenView.as_view()),
    path("audit/", tenants.AuditView.as_view()),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    re_path(r"^.*$", UnknownPath.as_view()),
]
