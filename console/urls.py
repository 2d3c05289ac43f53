"""The console page. Its sockets are in kvmweb.routing."""

from django.urls import path

from console import views

urlpatterns = [path("guests/<uuid:guest_id>/console/", views.console_page, name="guest-console")]
