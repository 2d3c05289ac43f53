"""Pages at the top, REST below /api/v1/, administration below /admin/."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("kvmweb.api_urls")),
]
