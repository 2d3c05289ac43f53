"""The console page, and the list of those that are open. Their sockets are in kvmweb.routing."""

from django.urls import path

from console import views

urlpatterns = [
    path("guests/<uuid:guest_id>/console/", views.console_page, name="guest-console"),
    path("guests/<uuid:guest_id>/consoles/", views.watching),
    path("consoles/", views.console_list),
    path("consoles/<uuid:session_id>/kick/", views.kick),
]
