"""Pages of the audit trail, below /audit/."""

from django.urls import path

from tenants.audit import views

urlpatterns = [
    path("", views.trail, name="audit"),
    path("export/", views.export, name="audit-export"),
    path("<int:entry_id>/", views.entry, name="audit-entry"),
]
