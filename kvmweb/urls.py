"""Pages at the top, REST below /api/v1/, administration below /admin/."""

from django.contrib import admin
from django.urls import include, path

from kvmweb import health

handler400 = "kvmweb.error_pages.bad_request"
handler403 = "kvmweb.error_pages.not_allowed"
handler404 = "kvmweb.error_pages.not_found"
handler500 = "kvmweb.error_pages.broken"

admin.autodiscover()

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    path("api/v1/", include("kvmweb.api_urls")),
    path("", include("accounts.urls")),
    path("audit/", include("tenants.audit.urls")),
    path("", include("tenants.urls")),
    path("quota-requests/", include("tenants.quota.urls")),
    path("", include("console.urls")),
    path("guests/", include("guests.urls")),
    path("hosts/", include("hosts.urls")),
    path("images/", include("storage.urls")),
    path("jobs/", include("jobs.urls")),
    path("", include("kvmweb.pages.urls")),
]
