"""The REST contract's routes."""

from django.urls import URLPattern, URLResolver, path, re_path

from accounts import api as accounts
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
from tenants.audit import api as audit
from tenants.quota import api as quota

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/", tenants.MeView.as_view()),
    path("guests/", guests.GuestsView.as_view()),
    path("guests/summary/", guests.SummaryView.as_view()),
    path("guests/bulk/", guests.BulkView.as_view()),
    path("guests/<uuid:guest_id>/", guests.GuestView.as_view()),
    path("guests/<uuid:guest_id>/transfer/", guests.TransferView.as_view()),
    path("guests/<uuid:guest_id>/timeline/", guests.TimelineView.as_view()),
    path("guests/<uuid:guest_id>/console/", console.ConsoleView.as_view()),
    path("console-sessions/", console.SessionsView.as_view()),
    path("console-sessions/<uuid:session_id>/", console.SessionView.as_view()),
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
    path("tenants/<uuid:tenant_id>/members/<uuid:user_id>/", tenants.MemberView.as_view()),
    path("tenants/<uuid:tenant_id>/invitations/", tenants.InvitationsView.as_view()),
    path("tenants/<uuid:tenant_id>/invitations/<uuid:invitation_id>/", tenants.InvitationView.as_view()),
    path("tenants/<uuid:tenant_id>/access/", tenants.AccessView.as_view()),
    path("tenants/<uuid:tenant_id>/quota/", quota.QuotaView.as_view()),
    path("tenants/<uuid:tenant_id>/quota/history/", quota.QuotaHistoryView.as_view()),
    path("tenants/<uuid:tenant_id>/usage/", quota.UsageView.as_view()),
    path("quota-defaults/", quota.DefaultQuotaView.as_view()),
    path("quota-requests/", quota.QuotaRequestsView.as_view()),
    path("quota-requests/<uuid:request_id>/", quota.QuotaRequestView.as_view()),
    path("quota-requests/<uuid:request_id>/approve/", quota.ApproveView.as_view()),
    path("quota-requests/<uuid:request_id>/decline/", quota.DeclineView.as_view()),
    path("tokens/", tenants.TokensView.as_view()),
    path("tokens/<uuid:token_id>/", tenants.TokenView.as_view()),
    path("tokens/<uuid:token_id>/rotate/", tenants.RotateTokenView.as_view()),
    path("ssh-keys/", accounts.SshKeysView.as_view()),
    path("ssh-keys/<uuid:ssh_key_id>/", accounts.SshKeyView.as_view()),
    path("audit/", audit.AuditView.as_view()),
    path("audit/export/", audit.ExportView.as_view()),
    path("audit/<int:entry_id>/", audit.AuditEntryView.as_view()),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    re_path(r"^.*$", UnknownPath.as_view()),
]
