"""Overview, the host page and the command palette."""

from django.urls import path

from kvmweb.pages import adopt, dashboard, host, palette

urlpatterns = [
    path("", dashboard.overview, name="overview"),
    path("palette/", palette.find, name="palette"),
    path("hosts/<str:host_id>/", host.host, name="host"),
    path("hosts/<str:host_id>/adopt/<uuid:domain_uuid>/", adopt.adopt, name="host-adopt"),
]
